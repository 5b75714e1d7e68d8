-- runbookd script test scripts/cert/renew_certbot_test.lua
local test = require "test"

local VERB = "cert:renew"
local old = test.finding("shop/endpoint", { measures = { days_left = 3 } })

test.case("renews what will soon be of no use", function(t)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("renew_certbot", old, {})
  t:equal(outcome.kind, "applied")
  t:equal(t:asked(VERB), {})
end)

test.case("leaves what is good for long", function(t)
  local outcome = t:run("renew_certbot", test.finding("shop/endpoint", { measures = { days_left = 60 } }), {})
  t:equal(outcome.kind, "left")
  t:equal(#t:acts(), 0)
end)

test.case("hands over when nothing was run", function(t)
  t:answer(VERB, { planned = 1, done = 0, skipped = 1, survived = 0, failed = 0 })
  local outcome = t:run("renew_certbot", old, {})
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "nothing was run")
end)

test.case("hands over when the program, or its rehearsal, fails", function(t)
  t:fail(VERB, "certbot ended with code 1: too many certificates", "error")
  local outcome = t:run("renew_certbot", old, {})
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "too many certificates")
end)

test.claims_nothing(VERB, function(t) return t:run("renew_certbot", old, {}) end)
