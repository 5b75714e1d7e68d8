---@type runbookd.Script
-- Drops a table's oldest partitions while a disk runs full: at once, where ALTER ... DELETE would first need as much room again.
-- They do not come back.  `exported` names a check that is ok only where their rows are kept elsewhere.
local interlock = require "interlock"

return {
  summary = "drop a table's old partitions while a disk runs full",
  expects = { plugin = "clickhouse", check = "disk" },
  targets = { ch = "clickhouse" },
  needs   = { "ch:drop_partition" },
  with = {
    table      = { "string", required = true, help = "DATABASE.TABLE" },
    keep       = { "duration", default = "30d", min = "1d", help = "only partitions whose newest row is older" },
    partitions = { "list", help = "only these, by partition_id" },
    limit      = { "integer", default = 10, min = 1, max = 100, help = "how many at most, the oldest first" },
    above      = { "number", default = 80, min = 0, max = 100, help = "percent of the disk used below which it is no emergency" },
    exported   = { "string", help = "a check, such as freshness of the archive, that must be ok" },
  },
  deadline = "10m",

  run = function(agent, finding, with)
    local used = finding.measures.used_percent
    if used and used < with.above then
      return agent.leave("%.0f %% used is no emergency", used)
    end
    if finding.measures.broken == 1 then
      return agent.hand_over("the disk is broken, and dropping would not mend it: %s", finding.message)
    end
    if with.exported then
      interlock.ok(agent, "ch/" .. with.exported, "what is to be dropped may not be kept elsewhere")
    end
    local result, why = agent.act("ch:drop_partition", {
      table = with.table, older_than = with.keep, partitions = with.partitions, max = with.limit,
    })
    if not result then
      return agent.hand_over("partitions of %s could not be dropped: %s", with.table, why)
    end
    if result.planned == 0 then
      return agent.hand_over("%s has no partition older than %s: something else fills the disk", with.table, with.keep)
    end
    if result.survived + result.failed > 0 then
      return agent.hand_over("%d of %d partitions of %s are dropped, %d could not be",
        result.done, result.planned, with.table, result.survived + result.failed)
    end
    if result.done == 0 then
      return agent.leave("the partitions of %s have changed since the plan, and were left alone", with.table)
    end
    return agent.applied("%d of %d partitions of %s are dropped; their files go about 8 minutes later",
      result.done, result.planned, with.table)
  end,
}
