-- runbookd script test scripts/stripe/replay_events_test.lua
local test = require "test"

local VERB, RECEIVER = "stripe:redeliver_events", "stripe/webhook_receiver"
local missed = test.finding("stripe/webhook_deliveries", { measures = { undelivered = 12 } })

local function receiver(status, message)
  return test.finding(RECEIVER, { status = status, message = message or "as it should be" })
end

test.case("sends again what was missed, and says how much", function(t)
  t:check(RECEIVER, receiver("ok"))
  t:answer(VERB, { planned = 12, done = 11, skipped = 1, failed = 0 })
  local outcome = t:run("replay_events", missed, { types = { "charge.*" }, skip = { "evt_1" } })
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "11 of 12 events were sent again, 1 were left alone")
  t:equal(t:asked(VERB), { types = { "charge.*" }, since = "1d", limit = 100, pace = "2/s", skip = { "evt_1" }, stop_after_failures = 3 })
end)

test.case("names the endpoint that it is told", function(t)
  t:check(RECEIVER, receiver("ok"))
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, failed = 0 })
  t:run("replay_events", missed, { endpoint = "we_1" })
  t:equal(t:asked(VERB).endpoint, "we_1")
end)

for _, status in ipairs { "critical", "unknown" } do
  test.case("sends nothing to an endpoint that is " .. status, function(t)
    t:check(RECEIVER, receiver(status, "a signed event is refused with 400"))
    local outcome = t:run("replay_events", missed)
    t:equal(outcome.kind, "handed_over")
    t:match(outcome.message, "refused with 400")
    t:equal(#t:acts(), 0)
  end)
end

test.case("leaves it where every event arrived", function(t)
  local outcome = t:run("replay_events", test.finding("stripe/webhook_deliveries", { measures = { undelivered = 0 } }))
  t:equal(outcome.kind, "left")
  t:equal(#t:acts(), 0)
end)

test.case("leaves it where nothing waits any more", function(t)
  t:check(RECEIVER, receiver("ok"))
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, failed = 0 })
  t:equal(t:run("replay_events", missed).kind, "left")
end)

test.case("leaves it where all had arrived meanwhile", function(t)
  t:check(RECEIVER, receiver("warning"))
  t:answer(VERB, { planned = 3, done = 0, skipped = 3, failed = 0 })
  t:equal(t:run("replay_events", missed).kind, "left")
end)

test.case("hands over when some did not arrive", function(t)
  t:check(RECEIVER, receiver("ok"))
  t:answer(VERB, { planned = 12, done = 5, skipped = 4, failed = 3 })
  local outcome = t:run("replay_events", missed)
  t:equal(outcome.kind, "handed_over")
  t:equal(outcome.message, "5 of 12 events were sent again and arrived, 3 failed")
end)

test.case("hands over when it fails", function(t)
  t:check(RECEIVER, receiver("ok"))
  t:fail(VERB, "several endpoints are enabled", "endpoint")
  local outcome = t:run("replay_events", missed)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "several endpoints are enabled")
end)

test.claims_nothing(VERB, function(t)
  t:check(RECEIVER, receiver("ok"))
  return t:run("replay_events", missed)
end)
