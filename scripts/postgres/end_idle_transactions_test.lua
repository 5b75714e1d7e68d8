-- runbookd script test scripts/postgres/end_idle_transactions_test.lua
local test = require "test"

local VERB = "db:terminate_sessions"
local stuck = test.finding("orders-db/idle_in_transaction", { measures = { count = 4, age_seconds = 1200.0, blocked = 7 } })

test.case("ends sessions and says how many", function(t)
  t:answer(VERB, { planned = 4, done = 3, skipped = 1, survived = 0, failed = 0 })
  local outcome = t:run("end_idle_transactions", stuck, { database = "orders", limit = 4, spare_users = { "batch" } })
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "3 of 4 sessions ended, 1 had gone on")
  local asked = t:asked(VERB)
  t:equal({ asked.which, asked.older_than, asked.most, asked.databases }, { "idle_in_transaction", "10m", 4, { "orders" } })
  t:equal(asked.except_users, { "batch" })
end)

test.case("leaves those alone that have not been idle for so long", function(t)
  t:equal(t:run("end_idle_transactions", stuck, { idle_for = "30m" }).kind, "left")
  t:equal(#t:acts(), 0)
end)

test.case("leaves those alone that are in nobody's way, where it is told to", function(t)
  local outcome = t:run("end_idle_transactions", stuck, { blocked = 8 })
  t:equal(outcome.kind, "left")
  t:match(outcome.message, "7 sessions wait")
  t:equal(#t:acts(), 0)
end)

test.case("leaves it where all of them are spared", function(t)
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("end_idle_transactions", stuck).kind, "left")
end)

test.case("hands over what is still there", function(t)
  t:answer(VERB, { planned = 4, done = 1, skipped = 0, survived = 2, failed = 1 })
  local outcome = t:run("end_idle_transactions", stuck)
  t:equal(outcome.kind, "handed_over")
  t:equal(outcome.message, "1 of 4 sessions ended, 3 are still there")
end)

test.case("hands over when it fails", function(t)
  t:fail(VERB, "remaining connection slots are reserved", "full")
  t:match(t:run("end_idle_transactions", stuck).message, "reserved")
end)

test.claims_nothing(VERB, function(t) return t:run("end_idle_transactions", stuck) end)
