-- runbookd script test scripts/postgres/kill_idle_test.lua
local test = require "test"

local VERB = "db:terminate_sessions"
local full = test.finding("orders-db/connections", { measures = { used = 96, usable = 97, used_percent = 98.9 } })

test.case("ends idle sessions and says how many", function(t)
  t:answer(VERB, { planned = 12, done = 11, skipped = 1, failed = 0 })
  local outcome = t:run("kill_idle", full, { database = "orders", limit = 15 })
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "11 of 12 sessions ended, 1 had become busy")
  local asked = t:asked(VERB)
  t:equal({ asked.which, asked.older_than, asked.most, asked.databases }, { "idle", "10m", 15, { "orders" } })
  t:equal(asked.except_applications[5], "psql")
end)

test.case("names no database where none was named", function(t)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0 })
  t:run("kill_idle", full)
  t:equal(t:asked(VERB).databases, nil)
end)

test.case("leaves a server alone that has room", function(t)
  local outcome = t:run("kill_idle", test.finding("orders-db/connections", { measures = { used_percent = 79.0 } }))
  t:equal(outcome.kind, "left")
  t:equal(#t:acts(), 0)
end)

test.case("hands over where nobody is idle", function(t)
  t:answer(VERB, { planned = 0, done = 0, skipped = 0 })
  t:equal(t:run("kill_idle", full).kind, "handed_over")
end)

test.case("hands over when it fails", function(t)
  t:fail(VERB, "remaining connection slots are reserved", "full")
  t:match(t:run("kill_idle", full).message, "reserved")
end)

test.claims_nothing(VERB, function(t) return t:run("kill_idle", full) end)
