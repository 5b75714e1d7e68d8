-- runbookd script test scripts/clickhouse/drop_old_partitions_test.lua
local test = require "test"

local VERB, ARCHIVE = "ch:drop_partition", "ch/archive"
local full = test.finding("ch/disk[default]", { message = "93 % used", measures = { used_percent = 93.0, broken = 0 } })
local METRICS = { table = "analytics.metrics" }

test.case("drops old partitions and says how many", function(t)
  t:answer(VERB, { planned = 4, done = 3, skipped = 1, survived = 0, failed = 0 })
  local outcome = t:run("drop_old_partitions", full, METRICS)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "3 of 4 partitions of analytics.metrics are dropped; their files go about 8 minutes later")
  t:equal(t:asked(VERB), { table = "analytics.metrics", older_than = "30d", max = 10 })
end)

test.case("drops those alone that it is told", function(t)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  t:run("drop_old_partitions", full, { table = "a.b", keep = "90d", partitions = { "202401" }, limit = 1 })
  t:equal(t:asked(VERB), { table = "a.b", older_than = "90d", partitions = { "202401" }, max = 1 })
end)

test.case("drops what is kept elsewhere", function(t)
  t:check(ARCHIVE, test.finding(ARCHIVE, { status = "ok" }))
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("drop_old_partitions", full, { table = "a.b", exported = "archive" }).kind, "applied")
end)

for _, status in ipairs { "warning", "critical", "unknown" } do
  test.case("drops nothing while the archive is " .. status, function(t)
    t:check(ARCHIVE, test.finding(ARCHIVE, { status = status, message = "no rows since March" }))
    local outcome = t:run("drop_old_partitions", full, { table = "a.b", exported = "archive" })
    t:equal(outcome.kind, "handed_over")
    t:match(outcome.message, "no rows since March")
    t:equal(#t:acts(), 0)
  end)
end

test.case("leaves a disk alone that has room", function(t)
  local outcome = t:run("drop_old_partitions", test.finding("ch/disk[default]", { measures = { used_percent = 79.0 } }), METRICS)
  t:equal(outcome.kind, "left")
  t:equal(#t:acts(), 0)
end)

test.case("does not drop for a disk that is broken", function(t)
  local broken = test.finding("ch/disk[default]", { message = "input/output error", measures = { broken = 1 } })
  t:match(t:run("drop_old_partitions", broken, METRICS).message, "input/output error")
  t:equal(#t:acts(), 0)
end)

test.case("hands over where nothing is as old", function(t)
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("drop_old_partitions", full, METRICS)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "something else fills the disk")
end)

test.case("leaves partitions that somebody wrote to", function(t)
  t:answer(VERB, { planned = 2, done = 0, skipped = 2, survived = 0, failed = 0 })
  t:equal(t:run("drop_old_partitions", full, METRICS).kind, "left")
end)

test.case("hands over what could not be dropped", function(t)
  t:answer(VERB, { planned = 3, done = 1, skipped = 0, survived = 1, failed = 1 })
  t:match(t:run("drop_old_partitions", full, METRICS).message, "1 of 3 partitions .* 2 could not be")
end)

test.case("hands over when it fails", function(t)
  t:fail(VERB, "larger than max_partition_size_to_drop", "error")
  t:match(t:run("drop_old_partitions", full, METRICS).message, "max_partition_size_to_drop")
end)

test.claims_nothing(VERB, function(t) return t:run("drop_old_partitions", full, METRICS) end)
