-- runbookd script test scripts/redis/revoke_sessions_test.lua
local test = require "test"

local VERB, SPEED = "sessions:revoke_sessions", "sessions/latency"
local finding = test.finding("sessions/connect", { status = "ok" })
local fast = test.finding("sessions/latency", { status = "ok", message = "p95 1 ms" })
local ANN = { pattern = "session:{user}:*", users = { "ann" } }

test.case("ends the sessions of those it is told", function(t)
  t:check(SPEED, fast)
  t:answer(VERB, { planned = 3, done = 3, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("revoke_sessions", finding, ANN)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "3 sessions were ended")
  t:equal(t:asked(VERB), { pattern = "session:{user}:*", users = { "ann" }, user_in = "key", everybody = false, max_keys = 10000 })
end)

test.case("ends those that began before a moment", function(t)
  t:check(SPEED, fast)
  t:answer(VERB, { planned = 40, done = 40, skipped = 0, survived = 0, failed = 0 })
  t:run("revoke_sessions", finding, { pattern = "sess:*", older_than = "2h", lifetime = "1d" })
  t:equal({ t:asked(VERB).older_than, t:asked(VERB).lifetime }, { "2h", "1d" })
end)

test.case("ends everybody's only where it is told so", function(t)
  local outcome = t:run("revoke_sessions", finding, { pattern = "sess:*" })
  t:equal(outcome.kind, "handed_over")
  t:equal(#t:acts(), 0)
  t:check(SPEED, fast)
  t:answer(VERB, { planned = 9, done = 9, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("revoke_sessions", finding, { pattern = "sess:*", everybody = true }).kind, "applied")
  t:equal(t:asked(VERB).everybody, true)
end)

for _, status in ipairs { "critical", "unknown" } do
  test.case("does not search a Redis whose latency is " .. status, function(t)
    t:check(SPEED, test.finding("sessions/latency", { status = status, message = "p50 80 ms" }))
    local outcome = t:run("revoke_sessions", finding, ANN)
    t:equal(outcome.kind, "handed_over")
    t:match(outcome.message, "p50 80 ms")
    t:equal(#t:acts(), 0)
  end)
end

test.case("leaves it where there is no such session", function(t)
  t:check(SPEED, fast)
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("revoke_sessions", finding, ANN).kind, "left")
end)

test.case("says that there may be more when it ended as many as it may", function(t)
  t:check(SPEED, fast)
  t:answer(VERB, { planned = 5, done = 5, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("revoke_sessions", finding, { pattern = "sess:*", everybody = true, limit = 5 })
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "there may be more")
end)

test.case("hands over when some could not be ended", function(t)
  t:check(SPEED, fast)
  t:answer(VERB, { planned = 5, done = 3, skipped = 0, survived = 0, failed = 2 })
  t:match(t:run("revoke_sessions", finding, ANN).message, "3 of 5 sessions were ended")
end)

test.case("hands over when it fails", function(t)
  t:check(SPEED, fast)
  t:fail(VERB, "the connection broke", "reset")
  t:match(t:run("revoke_sessions", finding, ANN).message, "the connection broke")
end)

test.claims_nothing(VERB, function(t)
  t:check(SPEED, fast)
  return t:run("revoke_sessions", finding, ANN)
end)
