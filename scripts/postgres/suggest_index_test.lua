-- runbookd script test scripts/postgres/suggest_index_test.lua
local test = require "test"

local VERB = "db:suggest_indexes"
local INDEX = "CREATE INDEX CONCURRENTLY ON public.orders (customer_id);"
local slow = test.finding("orders-db/slow_statements", {
  measures = { count = 2 },
  evidence = { statements = { { query_id = "-42", query = "select ?" }, { query_id = "7", query = "select ?" } } },
})

local function scans(...)
  return { query_id = "-42", statement = "select * from orders where customer_id = $1", scans = { ... } }
end
local helped = scans({ table = "public.orders", why = "of its 50000 rows the filter leaves about 5", suggest = INDEX })
local small = scans({ table = "public.states", why = "it has about 5 rows only" })

test.case("names each index once, for a person", function(t)
  t:answer(VERB, helped)
  local outcome = t:run("suggest_index", slow)
  t:equal(outcome.kind, "handed_over")
  t:equal(outcome.message, "1 index would help, in a migration: " .. INDEX)
  t:equal(#t:acts(), 2)
  t:equal(t:asked(VERB), { query_id = "7", min_rows = 10000, max_percent = 5 })
end)

test.case("looks at no more than limit", function(t)
  t:answer(VERB, small)
  t:run("suggest_index", slow, { limit = 1 })
  t:equal(#t:acts(), 1)
end)

test.case("leaves where no index would pay", function(t)
  t:answer(VERB, small)
  local outcome = t:run("suggest_index", slow)
  t:equal(outcome.kind, "left")
  t:match(outcome.message, "2 of 2 statements were planned, and no index would pay")
end)

test.case("asks the check where the finding names no statement", function(t)
  t:check("db/slow_statements", slow)
  t:answer(VERB, helped)
  t:equal(t:run("suggest_index", test.finding("orders-db/long_queries", { measures = { count = 1 } })).kind, "handed_over")
  t:equal(#t:acts(), 2)
end)

test.case("takes the one that it is told", function(t)
  t:answer(VERB, small)
  t:run("suggest_index", slow, { query_id = "99" })
  t:equal(t:asked(VERB).query_id, "99")
  t:equal(#t:acts(), 1)
end)

test.case("hands over where none could be planned", function(t)
  t:fail(VERB, "permission denied for table orders", "denied")
  local outcome = t:run("suggest_index", slow)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "permission denied for table orders")
end)
