-- runbookd script test scripts/app/pause_sales_test.lua
local test = require "test"

local VERB, INVARIANT = "app:request", "db/oversold"
local stuck = test.finding("shop-db/oversold[ev-7]", { measures = { violations = 4 } })
local PAUSE = { oversold = "oversold" }

local function invariant(status)
  return test.finding(INVARIANT, { status = status, message = "4 rows violate it", measures = { violations = 4 } })
end

test.case("stops the sales of the event that is oversold", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("pause_sales", stuck, PAUSE)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "sales of ev-7 are paused")
  t:equal(t:asked(VERB), { request = "sales", with = { event_id = "ev-7", paused = true } })
end)

for _, status in ipairs { "ok", "unknown" } do
  test.case("does nothing while the invariant is " .. status, function(t)
    t:check(INVARIANT, invariant(status))
    t:equal(t:run("pause_sales", stuck, PAUSE).kind, status == "ok" and "left" or "handed_over")
    t:equal(#t:acts(), 0)
  end)
end

test.case("lets them go on when nothing is oversold any more", function(t)
  t:check(INVARIANT, invariant("ok"))
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("pause_sales", stuck, { oversold = "oversold", resume = true, event_id = "ev-8" })
  t:equal(outcome.message, "sales of ev-8 are resumed")
  t:equal(t:asked(VERB).with, { event_id = "ev-8", paused = false })
end)

for _, status in ipairs { "critical", "unknown" } do
  test.case("lets nothing go on while the invariant is " .. status, function(t)
    t:check(INVARIANT, invariant(status))
    t:equal(t:run("pause_sales", stuck, { oversold = "oversold", resume = true }).kind, "handed_over")
    t:equal(#t:acts(), 0)
  end)
end

test.case("hands over where there is no event to speak of", function(t)
  t:match(t:run("pause_sales", test.finding("shop-db/oversold"), PAUSE).message, "names none")
  t:equal(#t:acts(), 0)
end)

test.case("leaves an event that is not on sale", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("pause_sales", stuck, PAUSE).kind, "left")
end)

test.case("never says that it was not done when nobody knows", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:fail(VERB, "sent and not answered", "lost")
  local outcome = t:run("pause_sales", stuck, PAUSE)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "may be done")
end)

test.case("hands over when the application refuses", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:fail(VERB, "answered 409 Conflict", "status")
  local outcome = t:run("pause_sales", stuck, PAUSE)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "409 Conflict")
end)

test.claims_nothing(VERB, function(t)
  t:check(INVARIANT, invariant("critical"))
  return t:run("pause_sales", stuck, PAUSE)
end)
