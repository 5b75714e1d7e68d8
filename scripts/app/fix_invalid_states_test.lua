-- runbookd script test scripts/app/fix_invalid_states_test.lua
local test = require "test"

local VERB, INVARIANT = "db:execute", "db/states"
local stuck = test.finding("shop-db/states", { measures = { violations = 4 } })
local FIX = {
  invariant = "states",
  keep = "INSERT INTO kept SELECT now(), e.* FROM events e WHERE status = 'BROKEN'",
  statement = "UPDATE events SET status = 'DRAFT' WHERE status = 'BROKEN' AND id IN (SELECT id FROM kept)",
  count = "SELECT count(*) FROM events WHERE status = 'BROKEN'",
}

local function invariant(status)
  return test.finding(INVARIANT, { status = status, message = "4 rows violate it", measures = { violations = 4 } })
end

local function changed(planned, done, rows)
  return { planned = planned, done = done, skipped = planned - done, survived = 0, failed = 0, results = rows and { { rows = rows } } }
end

test.case("keeps what the rows were, and then repairs them", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:answer(VERB, changed(4, 4, 4))
  t:answer(VERB, changed(4, 4, 3))
  local outcome = t:run("fix_invalid_states", stuck, FIX)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "4 rows were kept as they were, and 3 repaired")
  t:equal({ t:acts()[1].args.statement, t:acts()[1].args.most }, { FIX.keep, 10 })
  t:equal({ t:acts()[2].args.statement, t:acts()[2].args.most, t:acts()[2].args.count }, { FIX.statement, 4, FIX.count })
end)

test.case("repairs nothing that was not kept", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:answer(VERB, changed(4, 4, 3))
  local outcome = t:run("fix_invalid_states", stuck, FIX)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "3 of 4 rows were kept")
  t:equal(#t:acts(), 1)
end)

test.case("repairs nothing when more rows came while they were kept", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:answer(VERB, changed(4, 0))
  t:equal(t:run("fix_invalid_states", stuck, FIX).kind, "handed_over")
  t:equal(#t:acts(), 1)
end)

test.case("leaves many rows to a person", function(t)
  t:check(INVARIANT, invariant("critical"))
  local with = { most = 3 }
  for key, value in pairs(FIX) do with[key] = value end
  local outcome = t:run("fix_invalid_states", stuck, with)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "^4 rows are more than 3")
  t:equal(#t:acts(), 0)
end)

for _, status in ipairs { "ok", "unknown" } do
  test.case("does nothing while the invariant is " .. status, function(t)
    t:check(INVARIANT, invariant(status))
    t:equal(t:run("fix_invalid_states", stuck, FIX).kind, status == "ok" and "left" or "handed_over")
    t:equal(#t:acts(), 0)
  end)
end

test.case("leaves it where there are no such rows any more", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:answer(VERB, changed(0, 0))
  t:equal(t:run("fix_invalid_states", stuck, FIX).kind, "left")
end)

test.case("hands over when they could not be kept", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:fail(VERB, "there is no table kept", "error")
  t:match(t:run("fix_invalid_states", stuck, FIX).message, "nothing was repaired: there is no table kept")
end)

test.case("says that rows were kept when they could not be repaired", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:answer(VERB, changed(4, 4, 4))
  t:fail(VERB, "5 rows would change, more than the 4 of the option most", "range")
  t:match(t:run("fix_invalid_states", stuck, FIX).message, "4 rows were kept and none repaired: 5 rows")
end)

test.case("says so when they changed before they were repaired", function(t)
  t:check(INVARIANT, invariant("critical"))
  t:answer(VERB, changed(4, 4, 4))
  t:answer(VERB, changed(4, 0))
  local outcome = t:run("fix_invalid_states", stuck, FIX)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "none repaired")
end)

test.claims_nothing(VERB, function(t)
  t:check(INVARIANT, invariant("critical"))
  return t:run("fix_invalid_states", stuck, FIX)
end)
