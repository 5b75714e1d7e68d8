---@type runbookd.Script
-- Ends queries that run for too long.  Only those that read, unless `writes` says otherwise: half of an INSERT stays.
return {
  summary = "end queries that run for too long, oldest first",
  expects = { plugin = "clickhouse", check = "long_queries" },
  targets = { ch = "clickhouse" },
  needs   = { "ch:kill_query" },
  with = {
    older_than = { "duration", default = "10m", min = "10s", help = "for how long they have run" },
    limit      = { "integer", default = 5, min = 1, max = 100, help = "how many at most" },
    users      = { "list", help = "only theirs; without it anybody's" },
    spare      = { "list", default = {}, help = "users that are spared" },
    writes     = { "boolean", default = false, help = "also INSERT, ALTER and others that are no SELECT" },
  },
  deadline = "5m",

  run = function(agent, finding, with)
    local age = finding.measures.age_seconds
    if age and age < agent.seconds(with.older_than) then
      return agent.leave("the oldest query has run for %.0f s, less than %s", age, with.older_than)
    end
    local result, why = agent.act("ch:kill_query", {
      older_than = with.older_than, max = with.limit, users = with.users, except_users = with.spare, writes = with.writes,
    })
    if not result then
      return agent.hand_over("queries could not be ended: %s", why)
    end
    if result.survived + result.failed > 0 then
      return agent.hand_over("%d of %d queries ended, %d go on", result.done, result.planned, result.survived + result.failed)
    end
    if result.done == 0 then
      return agent.leave("no query that may be ended has run for %s", with.older_than)
    end
    return agent.applied("%d of %d queries ended, %d had ended by themselves", result.done, result.planned, result.skipped)
  end,
}
