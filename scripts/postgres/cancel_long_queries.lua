---@type runbookd.Script
-- Cancels queries that run for too long.  A session outlives that, unless `insist` says otherwise.
return {
  summary = "cancel queries that run for too long, oldest first",
  expects = { plugin = "postgres", check = "long_queries" },
  targets = { db = "postgres" },
  needs   = { "db:cancel_queries", "db:terminate_sessions" },
  with = {
    older_than  = { "duration", default = "10m", min = "10s", help = "for how long they have run" },
    grace       = { "duration", default = "10s", max = "1m", help = "how long a cancelled query may take to end" },
    limit       = { "integer", default = 5, min = 1, max = 100, help = "how many at most" },
    insist      = { "boolean", default = false, help = "end the session of a query that goes on; allow db:terminate_sessions then" },
    database    = { "string", help = "only queries in this one; without it in that of the target's login" },
    spare       = { "list", default = { "pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup", "runbookd" },
                    help = "application_name of sessions that are spared: migrations, reports" },
    spare_users = { "list", default = {}, help = "roles that are spared" },
  },
  deadline = "5m",

  run = function(agent, finding, with)
    local age = finding.measures.age_seconds
    if age and age < agent.seconds(with.older_than) then
      return agent.leave("the oldest query has run for %.0f s, less than %s", age, with.older_than)
    end
    local result, why = agent.act(with.insist and "db:terminate_sessions" or "db:cancel_queries", {
      which = with.insist and "active" or nil, older_than = with.older_than, most = with.limit, grace = with.grace,
      databases = with.database and { with.database }, except_applications = with.spare, except_users = with.spare_users,
    })
    if not result then
      return agent.hand_over("queries could not be cancelled: %s", why)
    end
    if result.survived + result.failed > 0 then
      return agent.hand_over("%d of %d queries ended, %d go on", result.done, result.planned, result.survived + result.failed)
    end
    if result.done == 0 then
      return agent.leave("no query that may be cancelled has run for %s", with.older_than)
    end
    return agent.applied("%d of %d queries ended, %d had ended by themselves", result.done, result.planned, result.skipped)
  end,
}
