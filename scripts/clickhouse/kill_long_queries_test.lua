-- runbookd script test scripts/clickhouse/kill_long_queries_test.lua
local test = require "test"

local VERB = "ch:kill_query"
local slow = test.finding("ch/long_queries", { measures = { count = 2, age_seconds = 4000.0 } })

test.case("ends queries and says how many", function(t)
  t:answer(VERB, { planned = 2, done = 1, skipped = 1, survived = 0, failed = 0 })
  local outcome = t:run("kill_long_queries", slow, { users = { "adhoc" }, spare = { "etl" } })
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "1 of 2 queries ended, 1 had ended by themselves")
  t:equal(t:asked(VERB), { older_than = "10m", max = 5, users = { "adhoc" }, except_users = { "etl" }, writes = false })
end)

test.case("ends what writes only where it is told so", function(t)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  t:run("kill_long_queries", slow, { writes = true })
  t:equal(t:asked(VERB).writes, true)
end)

test.case("leaves queries alone that have not run for so long", function(t)
  t:equal(t:run("kill_long_queries", slow, { older_than = "2h" }).kind, "left")
  t:equal(#t:acts(), 0)
end)

test.case("leaves it where all of them are spared", function(t)
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("kill_long_queries", slow).kind, "left")
end)

test.case("hands over what goes on", function(t)
  t:answer(VERB, { planned = 2, done = 1, skipped = 0, survived = 1, failed = 0 })
  local outcome = t:run("kill_long_queries", slow)
  t:equal(outcome.kind, "handed_over")
  t:equal(outcome.message, "1 of 2 queries ended, 1 go on")
end)

test.case("hands over when it fails", function(t)
  t:fail(VERB, "not enough privileges", "denied")
  t:match(t:run("kill_long_queries", slow).message, "not enough privileges")
end)

test.claims_nothing(VERB, function(t) return t:run("kill_long_queries", slow) end)
