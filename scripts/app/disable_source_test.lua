-- runbookd script test scripts/app/disable_source_test.lua
local test = require "test"

local VERB = "app:request"
local broken = test.finding("app/sources[meta]")
local META = { others = { "tiktok", "google" } }

local function source(name, status)
  return test.finding("app/" .. name, { status = status })
end

test.case("switches the source of the finding off while another works", function(t)
  t:check("app/tiktok", source("tiktok", "critical"))
  t:check("app/google", source("google", "ok"))
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("disable_source", broken, META)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "meta is switched off")
  t:equal(t:asked(VERB), { request = "source", with = { source = "meta", enabled = false } })
end)

test.case("never switches the last one off", function(t)
  t:check("app/tiktok", source("tiktok", "critical"))
  t:check("app/google", source("google", "unknown"))
  local outcome = t:run("disable_source", broken, META)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "none of tiktok, google is ok")
  t:equal(#t:acts(), 0)
end)

test.case("hands over where it cannot know whether it is the last one", function(t)
  t:match(t:run("disable_source", broken).message, "with.others names no check")
  t:equal(#t:acts(), 0)
end)

test.case("switches on again without asking", function(t)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("disable_source", test.finding("app/ready"), { source = "meta", enabled = true })
  t:equal(outcome.message, "meta is switched on")
  t:equal({ t:asked(VERB).with.enabled, #t:checked() }, { true, 0 })
end)

test.case("hands over where there is no source to speak of", function(t)
  t:match(t:run("disable_source", test.finding("app/ready"), META).message, "names none")
  t:equal(#t:acts(), 0)
end)

test.case("leaves what is off already", function(t)
  t:check("app/tiktok", source("tiktok", "ok"))
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("disable_source", broken, META)
  t:equal({ outcome.kind, outcome.message }, { "left", "meta is switched off already" })
end)

test.case("never says that it was not done when nobody knows", function(t)
  t:check("app/tiktok", source("tiktok", "ok"))
  t:fail(VERB, "sent and not answered", "lost")
  local outcome = t:run("disable_source", broken, META)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "may be done")
end)

test.case("hands over when the application refuses", function(t)
  t:check("app/tiktok", source("tiktok", "ok"))
  t:fail(VERB, "answered 409 Conflict", "status")
  local outcome = t:run("disable_source", broken, META)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "409 Conflict")
end)

test.claims_nothing(VERB, function(t)
  t:check("app/tiktok", source("tiktok", "ok"))
  return t:run("disable_source", broken, META)
end)
