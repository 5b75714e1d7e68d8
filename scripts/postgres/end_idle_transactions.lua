---@type runbookd.Script
-- Ends sessions that keep a transaction open and do nothing: they hold locks, and vacuum from its work.  What they did is rolled back.
return {
  summary = "end sessions that are idle in a transaction, oldest first",
  expects = { plugin = "postgres", check = "idle_in_transaction" },
  targets = { db = "postgres" },
  needs   = { "db:terminate_sessions" },
  with = {
    idle_for    = { "duration", default = "10m", min = "10s", help = "for how long they have done nothing" },
    blocked     = { "integer", default = 0, min = 0, max = 10000, help = "only while so many sessions wait for their locks" },
    limit       = { "integer", default = 5, min = 1, max = 100, help = "how many at most" },
    database    = { "string", help = "only sessions of this one; without it that of the target's login" },
    spare       = { "list", default = { "pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup", "runbookd" },
                    help = "application_name of sessions that are spared" },
    spare_users = { "list", default = {}, help = "roles that are spared" },
  },
  deadline = "2m",

  run = function(agent, finding, with)
    local age, blocked = finding.measures.age_seconds, finding.measures.blocked
    if age and age < agent.seconds(with.idle_for) then
      return agent.leave("the oldest has been idle for %.0f s, less than %s", age, with.idle_for)
    end
    if blocked and blocked < with.blocked then
      return agent.leave("%d sessions wait for their locks, fewer than %d", blocked, with.blocked)
    end
    local result, why = agent.act("db:terminate_sessions", {
      which = "idle_in_transaction", older_than = with.idle_for, most = with.limit,
      databases = with.database and { with.database }, except_applications = with.spare, except_users = with.spare_users,
    })
    if not result then
      return agent.hand_over("sessions could not be ended: %s", why)
    end
    if result.survived + result.failed > 0 then
      return agent.hand_over("%d of %d sessions ended, %d are still there", result.done, result.planned, result.survived + result.failed)
    end
    if result.done == 0 then
      return agent.leave("no session that may be ended has been idle in a transaction for %s", with.idle_for)
    end
    return agent.applied("%d of %d sessions ended, %d had gone on", result.done, result.planned, result.skipped)
  end,
}
