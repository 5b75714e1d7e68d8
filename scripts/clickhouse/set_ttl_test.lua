-- runbookd script test scripts/clickhouse/set_ttl_test.lua
local test = require "test"

local VERB, MUTATIONS = "ch:set_ttl", "ch/mutations"
local finding = test.finding("ch/disk[default]", { measures = { used_percent = 85.0 } })
local idle = test.finding(MUTATIONS, { status = "ok", message = "none" })
local METRICS = { table = "analytics.metrics", column = "day" }

test.case("sets it, and says from when on", function(t)
  t:check(MUTATIONS, idle)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("set_ttl", finding, METRICS)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "analytics.metrics keeps its rows for 30d, by day, from the next merges on")
  t:equal(t:asked(VERB), { table = "analytics.metrics", column = "day", keep = "30d" })
end)

for _, status in ipairs { "warning", "critical", "unknown" } do
  test.case("does not wait behind mutations that are " .. status, function(t)
    t:check(MUTATIONS, test.finding(MUTATIONS, { status = status, message = "one has hung for 40 min" }))
    local outcome = t:run("set_ttl", finding, METRICS)
    t:equal(outcome.kind, "handed_over")
    t:match(outcome.message, "hung for 40 min")
    t:equal(#t:acts(), 0)
  end)
end

test.case("leaves a table that has it already", function(t)
  t:check(MUTATIONS, idle)
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("set_ttl", finding, METRICS).kind, "left")
end)

test.case("hands over a table that somebody changed meanwhile", function(t)
  t:check(MUTATIONS, idle)
  t:answer(VERB, { planned = 1, done = 0, skipped = 1, survived = 0, failed = 0 })
  t:match(t:run("set_ttl", finding, METRICS).message, "changed since the plan")
end)

test.case("hands over when it fails", function(t)
  t:check(MUTATIONS, idle)
  t:fail(VERB, "there is no column day", "error")
  t:match(t:run("set_ttl", finding, METRICS).message, "no column day")
end)

test.claims_nothing(VERB, function(t)
  t:check(MUTATIONS, idle)
  return t:run("set_ttl", finding, METRICS)
end)
