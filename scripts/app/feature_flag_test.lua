-- runbookd script test scripts/app/feature_flag_test.lua
local test = require "test"

local VERB = "app:request"
local finding = test.finding("app/ready")
local OFFLINE = { flag = "payments.offline" }

test.case("sets a switch, and true if nothing else is said", function(t)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, failed = 0 })
  local outcome = t:run("feature_flag", finding, OFFLINE)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "payments.offline is true now")
  t:equal(t:asked(VERB), { request = "flag", with = { flag = "payments.offline", value = true } })
end)

test.case("can switch off", function(t)
  t:answer(VERB, { planned = 1, done = 1 })
  t:run("feature_flag", finding, { flag = "signup", value = false })
  t:equal(t:asked(VERB).with, { flag = "signup", value = false })
end)

test.case("sets what is no switch, by a request of another name", function(t)
  t:answer(VERB, { planned = 1, done = 1 })
  t:run("feature_flag", finding, { flag = "mode", value = "read-only", request = "setting" })
  t:equal(t:asked(VERB), { request = "setting", with = { flag = "mode", value = "read-only" } })
end)

test.case("says so when it was left alone", function(t)
  t:answer(VERB, { planned = 1, done = 0, skipped = 1 })
  t:equal(t:run("feature_flag", finding, OFFLINE).kind, "left")
end)

test.case("hands over when the application refuses", function(t)
  t:fail(VERB, "PUT https://app/flags/payments.offline is answered 409 Conflict", "status")
  local outcome = t:run("feature_flag", finding, OFFLINE)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "409 Conflict")
end)

test.claims_nothing(VERB, function(t) return t:run("feature_flag", finding, OFFLINE) end)
