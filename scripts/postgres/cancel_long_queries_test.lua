-- runbookd script test scripts/postgres/cancel_long_queries_test.lua
local test = require "test"

local VERB, INSIST = "db:cancel_queries", "db:terminate_sessions"
local slow = test.finding("orders-db/long_queries", { measures = { count = 3, age_seconds = 1900.0 } })

test.case("cancels queries and says how many", function(t)
  t:answer(VERB, { planned = 3, done = 2, skipped = 1, survived = 0, failed = 0 })
  local outcome = t:run("cancel_long_queries", slow, { database = "orders", limit = 3, spare_users = { "reports" } })
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "2 of 3 queries ended, 1 had ended by themselves")
  local asked = t:asked(VERB)
  t:equal({ asked.older_than, asked.most, asked.grace, asked.databases }, { "10m", 3, "10s", { "orders" } })
  t:equal({ asked.except_applications[1], asked.except_users }, { "pg_dump", { "reports" } })
end)

test.case("ends no session unless it is told to insist", function(t)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  t:run("cancel_long_queries", slow)
  t:equal(t:asked(INSIST), nil)
  t:equal(t:asked(VERB).databases, nil)
end)

test.case("ends the session of a query that goes on, where it is told to insist", function(t)
  t:answer(INSIST, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("cancel_long_queries", slow, { insist = true }).kind, "applied")
  t:equal(t:asked(INSIST).which, "active")
  t:equal(t:asked(VERB), nil)
end)

test.case("leaves queries alone that have not run for so long", function(t)
  local outcome = t:run("cancel_long_queries", test.finding("orders-db/long_queries", { measures = { age_seconds = 599.0 } }))
  t:equal(outcome.kind, "left")
  t:equal(#t:acts(), 0)
end)

test.case("leaves it where all of them are spared", function(t)
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("cancel_long_queries", slow).kind, "left")
end)

test.case("hands over what goes on although it was cancelled", function(t)
  t:answer(VERB, { planned = 3, done = 2, skipped = 0, survived = 1, failed = 0 })
  local outcome = t:run("cancel_long_queries", slow)
  t:equal(outcome.kind, "handed_over")
  t:equal(outcome.message, "2 of 3 queries ended, 1 go on")
end)

test.case("hands over when it fails", function(t)
  t:fail(VERB, "sessions of other users may not be told anything by this one", "denied")
  t:match(t:run("cancel_long_queries", slow).message, "may not be told")
end)

test.claims_nothing(VERB, function(t) return t:run("cancel_long_queries", slow) end)
