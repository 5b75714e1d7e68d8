-- runbookd script test scripts/redis/unlink_pattern_test.lua
local test = require "test"

local VERB = "cache:unlink_pattern"
local full = test.finding("cache/memory", { measures = { used_percent = 97 } })

test.case("drops what fits the pattern", function(t)
  t:answer(VERB, { planned = 4711, done = 4711, skipped = 0, failed = 0 })
  local outcome = t:run("unlink_pattern", full, { pattern = "cache:user:*" })
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "4711 keys of cache:user:* were dropped")
  t:equal(t:asked(VERB), { pattern = "cache:user:*", max_keys = 10000, batch = 100 })
end)

test.case("asks with the limits that it is given", function(t)
  t:answer(VERB, { planned = 5, done = 5 })
  t:run("unlink_pattern", full, { pattern = "cache:*", limit = 5, batch = 2, never = { "cache:keep:*" } })
  t:equal(t:asked(VERB), { pattern = "cache:*", max_keys = 5, batch = 2, never = { "cache:keep:*" } })
end)

test.case("leaves it where nothing fits", function(t)
  t:answer(VERB, { planned = 0, done = 0 })
  t:equal(t:run("unlink_pattern", full, { pattern = "cache:*" }).kind, "left")
end)

test.case("hands over when it fails", function(t)
  t:fail(VERB, "the connection broke", "reset")
  local outcome = t:run("unlink_pattern", full, { pattern = "cache:*" })
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "the connection broke")
end)

test.claims_nothing(VERB, function(t) return t:run("unlink_pattern", full, { pattern = "cache:*" }) end)
