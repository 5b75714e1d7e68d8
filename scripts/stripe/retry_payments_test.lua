-- runbookd script test scripts/stripe/retry_payments_test.lua
local test = require "test"

local VERB, STATUS, FAILURES = "app:request", "stripe/status", "stripe/payment_failure_rate"
local failing = test.finding(FAILURES, { status = "critical" })

local function status(word, message)
  return test.finding(STATUS, { status = word, message = message or "Stripe reports no trouble" })
end

local function failed(...)
  return test.finding(FAILURES, { status = "critical", evidence = { failed_payments = { ... } } })
end

local ONE, TWO = { payment_intent = "pi_1", error = "api_error" }, { payment_intent = "pi_2", error = "invalid_request_error" }

test.case("has the application retry what failed, and says which", function(t)
  t:check(STATUS, status("ok"))
  t:check(FAILURES, failed(ONE, TWO, ONE))
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, failed = 0 })
  local outcome = t:run("retry_payments", failing, { request = "retry" })
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "the application retries 2 payments: pi_1, pi_2")
  t:equal(t:asked(VERB), { request = "retry", with = { payment_intents = { "pi_1", "pi_2" } } })
end)

test.case("never retries a declined card, nor what it is told not to, nor more than it is told", function(t)
  t:check(STATUS, status("ok"))
  t:check(FAILURES, failed({ payment_intent = "pi_0", error = "card_error" }, ONE, TWO, { payment_intent = "pi_3", error = "api_error" }))
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, failed = 0 })
  t:run("retry_payments", failing, { request = "retry", never = { "pi_1" }, limit = 1 })
  t:equal(t:asked(VERB).with.payment_intents, { "pi_2" })
end)

for _, word in ipairs { "warning", "critical" } do
  test.case("waits while Stripe reports trouble: " .. word, function(t)
    t:check(STATUS, status(word, "Stripe reports an incident"))
    local outcome = t:run("retry_payments", failing, { request = "retry" })
    t:equal(outcome.kind, "left")
    t:match(outcome.message, "Stripe reports an incident")
    t:equal(#t:acts(), 0)
  end)
end

test.case("hands over where nothing is known", function(t)
  t:check(STATUS, status("unknown", "the status page answers 302"))
  t:equal(t:run("retry_payments", failing, { request = "retry" }).kind, "handed_over")
end)

test.case("hands over where it is not known which failed", function(t)
  t:check(STATUS, status("ok"))
  t:check(FAILURES, test.finding(FAILURES, { status = "unknown", message = "the key may not do this" }))
  t:equal(t:run("retry_payments", failing, { request = "retry" }).kind, "handed_over")
end)

test.case("leaves it where nothing may be retried", function(t)
  t:check(STATUS, status("ok"))
  t:check(FAILURES, failed({ payment_intent = "pi_0", error = "card_error" }))
  t:equal(t:run("retry_payments", failing, { request = "retry" }).kind, "left")
  t:equal(#t:acts(), 0)
end)

test.case("leaves it where the application had nothing to do", function(t)
  t:check(STATUS, status("ok"))
  t:check(FAILURES, failed(ONE))
  t:answer(VERB, { planned = 1, done = 0, skipped = 1, failed = 0 })
  t:equal(t:run("retry_payments", failing, { request = "retry" }).kind, "left")
end)

test.case("hands over when the application refuses", function(t)
  t:check(STATUS, status("ok"))
  t:check(FAILURES, failed(ONE))
  t:fail(VERB, "503 Service Unavailable", "status")
  local outcome = t:run("retry_payments", failing, { request = "retry" })
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "503")
end)

test.claims_nothing(VERB, function(t)
  t:check(STATUS, status("ok"))
  t:check(FAILURES, failed(ONE))
  return t:run("retry_payments", failing, { request = "retry" })
end)
