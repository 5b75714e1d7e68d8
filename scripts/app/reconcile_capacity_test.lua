-- runbookd script test scripts/app/reconcile_capacity_test.lua
local test = require "test"

local VERB, INVARIANT, PAUSED = "app:request", "db/capacity", "app/paused"
local stuck = test.finding("shop-db/capacity[ev-7]", { measures = { violations = 4 } })
local paused = test.finding(PAUSED, { status = "ok", message = "SALES_PAUSED" })
local COUNT = { invariant = "capacity", paused = "paused" }

local function invariant(status)
  return test.finding(INVARIANT, { status = status, message = "4 rows violate it", measures = { violations = 4 } })
end

test.case("has one event counted anew", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:check(PAUSED, paused)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("reconcile_capacity", stuck, COUNT)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "the capacity of ev-7 is counted anew")
  t:equal(t:asked(VERB), { request = "reconcile_capacity", with = { event_id = "ev-7", max_delta = 10 } })
end)

for _, status in ipairs { "ok", "unknown" } do
  test.case("does nothing while the invariant is " .. status, function(t)
    t:check(INVARIANT, invariant(status))
    t:equal(t:run("reconcile_capacity", stuck, COUNT).kind, status == "ok" and "left" or "handed_over")
    t:equal(#t:acts(), 0)
  end)
end

for _, status in ipairs { "critical", "unknown" } do
  test.case("counts nothing that is being sold: paused is " .. status, function(t)
    t:check(INVARIANT, invariant("critical"))
    t:check(PAUSED, test.finding(PAUSED, { status = status, message = "ON_SALE" }))
    local outcome = t:run("reconcile_capacity", stuck, COUNT)
    t:equal(outcome.kind, "handed_over")
    t:match(outcome.message, "ON_SALE")
    t:equal(#t:acts(), 0)
  end)
end

test.case("hands over where there is no event to speak of", function(t)
  t:match(t:run("reconcile_capacity", test.finding("shop-db/capacity"), COUNT).message, "names none")
  t:equal(#t:acts(), 0)
end)

test.case("leaves it where there was nothing to correct", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:check(PAUSED, paused)
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("reconcile_capacity", stuck, COUNT).kind, "left")
end)

test.case("never says that it was not done when nobody knows", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:check(PAUSED, paused)
  t:fail(VERB, "sent and not answered", "lost")
  local outcome = t:run("reconcile_capacity", stuck, COUNT)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "may be done")
end)

test.case("hands over when the application refuses", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:check(PAUSED, paused)
  t:fail(VERB, "answered 409 Conflict", "status")
  local outcome = t:run("reconcile_capacity", stuck, COUNT)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "409 Conflict")
end)

test.claims_nothing(VERB, function(t)
  t:check(INVARIANT, invariant("critical"))
  t:check(PAUSED, paused)
  return t:run("reconcile_capacity", stuck, COUNT)
end)
