---@type runbookd.Script
-- Renews the planner's statistics of tables whose plans went wrong; those that were analysed lately are left alone.
return {
  summary = "renew the planner's statistics of tables",
  expects = { plugin = "postgres" },
  targets = { db = "postgres" },
  needs   = { "db:analyze_table" },
  with = {
    tables        = { "list", required = true, help = "schema.table, or of the schema public" },
    unless_within = { "duration", default = "1h", min = "1m", help = "one that was analysed so lately is left alone" },
    lock_timeout  = { "duration", default = "2s", min = "1ms", max = "1m", help = "how long to wait for a lock" },
  },
  deadline = "10m",

  run = function(agent, _, with)
    local tables = table.concat(with.tables, ", ")
    local result, why = agent.act("db:analyze_table", {
      tables = with.tables, unless_within = with.unless_within, lock_timeout = with.lock_timeout,
    })
    if not result then
      return agent.hand_over("%s could not be analysed: %s", tables, why)
    end
    if result.failed > 0 then
      return agent.hand_over("%d of %d tables were analysed, %d could not be", result.done, result.planned, result.failed)
    end
    if result.done == 0 then
      return agent.leave("%s: analysed within %s, so that it is not the statistics", tables, with.unless_within)
    end
    return agent.applied("%d of %d tables were analysed", result.done, #with.tables)
  end,
}
