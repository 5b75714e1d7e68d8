---@type runbookd.Script
-- Ends client sessions that sit idle while the server runs out of connections.
return {
  summary = "end idle client sessions, oldest first",
  expects = { plugin = "postgres", check = "connections" },
  targets = { db = "postgres" },
  needs   = { "db:terminate_sessions" },
  with = {
    idle_for = { "duration", default = "10m", min = "1m", help = "for how long they have been idle" },
    limit    = { "integer", default = 20, min = 1, max = 200, help = "how many at most" },
    database = { "string", help = "only sessions of this one; without it that of the target's login" },
    above    = { "number", default = 80, min = 0, max = 100, help = "percent used below which it is no emergency" },
    spare    = { "list", default = { "pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup", "psql", "runbookd" },
                 help = "application_name of sessions that are spared" },
  },
  deadline = "2m",

  run = function(agent, finding, with)
    local used = finding.measures.used_percent
    if used and used < with.above then
      return agent.leave("%.0f %% used is no emergency", used)
    end
    local result, why = agent.act("db:terminate_sessions", {
      which = "idle", older_than = with.idle_for, most = with.limit,
      databases = with.database and { with.database }, except_applications = with.spare,
    })
    if not result then
      return agent.hand_over("idle sessions could not be ended: %s", why)
    end
    if result.done == 0 then
      return agent.hand_over("no session has been idle for %s: something else uses the connections", with.idle_for)
    end
    return agent.applied("%d of %d sessions ended, %d had become busy", result.done, result.planned, result.skipped)
    -- That it is fixed is not for a script to say: the agent looks for itself.
  end,
}
