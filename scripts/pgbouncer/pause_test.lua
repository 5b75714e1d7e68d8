-- runbookd script test scripts/pgbouncer/pause_test.lua
local test = require "test"

local VERB = "pool:pause"
local finding = test.finding("pool/pools[shop]", { status = "ok", measures = { waiting = 0 } })
local SHOP = { database = "shop" }

test.case("pauses the database that it is told", function(t)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("pause", finding, SHOP)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "shop is paused: its clients wait until it is resumed")
  t:equal(t:asked(VERB), { database = "shop", grace = "10s" })
end)

test.case("leaves what is paused already", function(t)
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("pause", finding, SHOP).kind, "left")
end)

test.case("hands over when transactions do not end", function(t)
  t:fail(VERB, "transactions of shop did not end within 10.0 s; it was resumed", "timeout")
  local outcome = t:run("pause", finding, SHOP)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "could not be paused: .*resumed")
end)

test.case("says what to do where the pause could not be taken back", function(t)
  t:fail(VERB, "the pause waits for transactions, and could not be taken back", "paused")
  t:match(t:run("pause", finding, SHOP).message, "RESUME it on PgBouncer's console")
end)

test.claims_nothing(VERB, function(t) return t:run("pause", finding, SHOP) end)
