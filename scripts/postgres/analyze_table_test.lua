-- runbookd script test scripts/postgres/analyze_table_test.lua
local test = require "test"

local VERB = "db:analyze_table"
local finding = test.finding("orders-db/slow_statements", { measures = { count = 1 } })
local TABLES = { tables = { "orders", "shop.items" } }

test.case("analyses what it is told", function(t)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("analyze_table", finding, TABLES)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "1 of 2 tables were analysed")
  t:equal(t:asked(VERB), { tables = { "orders", "shop.items" }, unless_within = "1h", lock_timeout = "2s" })
end)

test.case("leaves what was analysed lately", function(t)
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("analyze_table", finding, TABLES)
  t:equal(outcome.kind, "left")
  t:match(outcome.message, "analysed within 1h")
end)

test.case("hands over when one could not be", function(t)
  t:answer(VERB, { planned = 2, done = 1, skipped = 0, survived = 0, failed = 1 })
  t:equal(t:run("analyze_table", finding, TABLES).message, "1 of 2 tables were analysed, 1 could not be")
end)

test.case("hands over when it fails", function(t)
  t:fail(VERB, "there is no table orders", "error")
  local outcome = t:run("analyze_table", finding, TABLES)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "no table orders")
end)

test.claims_nothing(VERB, function(t) return t:run("analyze_table", finding, TABLES) end)
