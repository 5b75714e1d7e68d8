---@type runbookd.Script
-- Holds a database's clients back, once their transactions have ended; none loses its connection.  `undo_after` of the remediation
-- lets them go on by itself: a pause that is forgotten is an outage.
return {
  summary = "hold a database's clients back, for a failover or a restart behind them",
  expects = { plugin = "pgbouncer" },
  targets = { pool = "pgbouncer" },
  needs   = { "pool:pause" },
  with = {
    database = { "string", required = true, help = "as PgBouncer calls it" },
    grace    = { "duration", default = "10s", max = "1m", help = "how long transactions may take; then the pause is taken back" },
  },
  deadline = "2m",

  run = function(agent, _, with)
    local result, why, code = agent.act("pool:pause", { database = with.database, grace = with.grace })
    if not result and code == "paused" then
      return agent.hand_over("%s hangs: %s; RESUME it on PgBouncer's console", with.database, why)
    end
    if not result then
      return agent.hand_over("%s could not be paused: %s", with.database, why)
    end
    if result.done == 0 then
      return agent.leave("%s is paused already", with.database)
    end
    return agent.applied("%s is paused: its clients wait until it is resumed", with.database)
  end,
}
