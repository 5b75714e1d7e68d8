-- runbookd script test scripts/app/trigger_transition_scan_test.lua
local test = require "test"

local VERB, INVARIANT = "app:request", "db/ended_events"
local stuck = test.finding("shop-db/ended_events", { measures = { violations = 4 } })
local ENDED = { invariant = "ended_events" }

local function invariant(status)
  return test.finding(INVARIANT, { status = status, message = "4 rows violate it", measures = { violations = 4 } })
end

test.case("starts the scan while something is stuck", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("trigger_transition_scan", stuck, ENDED)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "the scan is started, for: 4 rows violate it")
  t:equal(t:asked(VERB).request, "transition_scan")
end)

for _, status in ipairs { "ok", "unknown" } do
  test.case("does nothing while the invariant is " .. status, function(t)
    t:check(INVARIANT, invariant(status))
    t:equal(t:run("trigger_transition_scan", stuck, ENDED).kind, status == "ok" and "left" or "handed_over")
    t:equal(#t:acts(), 0)
  end)
end

test.case("leaves it where the application had nothing to do", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("trigger_transition_scan", stuck, ENDED).kind, "left")
end)

test.case("never says that it was not done when nobody knows", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:fail(VERB, "sent and not answered", "lost")
  local outcome = t:run("trigger_transition_scan", stuck, ENDED)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "may be done")
end)

test.case("hands over when the application refuses", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:fail(VERB, "answered 409 Conflict", "status")
  local outcome = t:run("trigger_transition_scan", stuck, ENDED)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "409 Conflict")
end)

test.claims_nothing(VERB, function(t)
  t:check(INVARIANT, invariant("critical"))
  return t:run("trigger_transition_scan", stuck, ENDED)
end)
