-- runbookd script test scripts/app/retry_transaction_test.lua
local test = require "test"

local VERB = "app:request"
local stuck = test.finding("payments/stuck[tx_4711]")

test.case("tries the transaction of the finding again", function(t)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, failed = 0 })
  local outcome = t:run("retry_transaction", stuck)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "tx_4711 is tried again")
  t:equal(t:asked(VERB), { request = "retry_transaction", with = { transaction_id = "tx_4711" } })
end)

test.case("takes the transaction that it is told", function(t)
  t:answer(VERB, { planned = 1, done = 1 })
  t:run("retry_transaction", stuck, { transaction_id = "tx_1" })
  t:equal(t:asked(VERB).with, { transaction_id = "tx_1" })
  t:equal(#t:acts(), 1)
end)

test.case("hands over where there is no transaction to speak of", function(t)
  t:equal(t:run("retry_transaction", test.finding("payments/stuck")).kind, "handed_over")
  t:equal(#t:acts(), 0)
end)

test.case("leaves one alone that has moved on", function(t)
  t:answer(VERB, { planned = 0, done = 0 })
  t:equal(t:run("retry_transaction", stuck).kind, "left")
end)

test.case("asks for a look at the provider when nobody knows", function(t)
  t:fail(VERB, "POST https://app/retry was sent and not answered", "lost")
  t:match(t:run("retry_transaction", stuck).message, "provider first")
end)

test.case("hands over when it fails", function(t)
  t:fail(VERB, "POST https://app/retry is answered 409 Conflict", "status")
  t:match(t:run("retry_transaction", stuck).message, "409 Conflict")
end)

test.claims_nothing(VERB, function(t) return t:run("retry_transaction", stuck) end)
