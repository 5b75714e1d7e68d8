-- runbookd script test scripts/app/run_job_test.lua
local test = require "test"

local VERB = "app:request"
local finding = test.finding("app/freshness")
local SYNC = { request = "sync-metrics", json = { campaigns = "active", force = true } }

test.case("starts the declared job with its body", function(t)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, failed = 0 })
  local outcome = t:run("run_job", finding, SYNC)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "sync-metrics is started")
  t:equal(t:asked(VERB), { request = "sync-metrics", with = { json = { campaigns = "active", force = true } } })
end)

test.case("fills what the declaration leaves open", function(t)
  t:answer(VERB, { planned = 1, done = 1 })
  t:run("run_job", finding, { request = "scan", fill = { limit = 50 } })
  t:equal(t:asked(VERB), { request = "scan", with = { limit = 50 } })
end)

test.case("hands over what is no map", function(t)
  t:equal(t:run("run_job", finding, { request = "scan", fill = "limit" }).kind, "handed_over")
  t:equal(#t:acts(), 0)
end)

test.case("leaves it where there was nothing to do", function(t)
  t:answer(VERB, { planned = 0, done = 0 })
  t:equal(t:run("run_job", finding, SYNC).kind, "left")
end)

test.case("never says that a job does not run when nobody knows", function(t)
  t:fail(VERB, "POST https://app/sync was sent and not answered", "lost")
  local outcome = t:run("run_job", finding, SYNC)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "it may run")
end)

test.case("hands over when it is refused by the application", function(t)
  t:fail(VERB, "POST https://app/sync is answered 503 Service Unavailable", "status")
  t:match(t:run("run_job", finding, SYNC).message, "could not be started: .*503")
end)

test.claims_nothing(VERB, function(t) return t:run("run_job", finding, SYNC) end)
