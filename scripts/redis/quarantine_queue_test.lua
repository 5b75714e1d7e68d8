-- runbookd script test scripts/redis/quarantine_queue_test.lua
local test = require "test"

local VERB = "queues:quarantine_queue"
local flooded = test.finding("queues/queue_depth[bull:mails:wait]", { measures = { length = 250000 } })

test.case("sets the queue of the finding aside", function(t)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, failed = 0 })
  local outcome = t:run("quarantine_queue", flooded)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "bull:mails:wait is set aside as bull:mails:wait:quarantine, for 7d")
  t:equal(t:asked(VERB), { key = "bull:mails:wait", keep = "7d" })
end)

test.case("takes the queue that it is told", function(t)
  t:answer(VERB, { planned = 1, done = 1 })
  t:run("quarantine_queue", flooded, { key = "bull:other:wait", keep = "2h" })
  t:equal(t:asked(VERB), { key = "bull:other:wait", keep = "2h" })
end)

test.case("leaves a queue alone that is no flood", function(t)
  local short = test.finding("queues/queue_depth[bull:mails:wait]", { measures = { length = 999 } })
  local outcome = t:run("quarantine_queue", short)
  t:equal(outcome.kind, "left")
  t:equal(#t:acts(), 0)
end)

test.case("never touches what it is told not to", function(t)
  local outcome = t:run("quarantine_queue", flooded, { never = { "bull:mails:wait" } })
  t:equal(outcome.kind, "handed_over")
  t:equal(#t:acts(), 0)
end)

test.case("hands over where there is no queue to speak of", function(t)
  t:equal(t:run("quarantine_queue", test.finding("queues/memory")).kind, "handed_over")
end)

test.case("says so when there was nothing left to set aside", function(t)
  t:answer(VERB, { planned = 1, done = 0, skipped = 1 })
  t:equal(t:run("quarantine_queue", flooded).kind, "left")
end)

test.case("hands over when it fails", function(t)
  t:fail(VERB, "the connection broke", "reset")
  local outcome = t:run("quarantine_queue", flooded)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "the connection broke")
end)

test.claims_nothing(VERB, function(t) return t:run("quarantine_queue", flooded) end)
