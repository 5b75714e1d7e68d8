---@type runbookd.Script
-- Drops the keys of a cache by their prefix, in small bites; queues, locks and sessions are never among them.
return {
  summary = "drop a cache's keys by their prefix, in small bites",
  expects = { plugin = "redis" },
  targets = { cache = "redis" },
  needs   = { "cache:unlink_pattern" },
  with = {
    pattern = { "string", required = true, help = "which keys, as \"cache:user:*\"" },
    limit   = { "integer", default = 10000, min = 1, max = 10000000, help = "how many at most" },
    batch   = { "integer", default = 100, min = 1, max = 500, help = "keys in one UNLINK" },
    never   = { "list", help = "patterns of keys that are left alone; without it queues, locks and sessions" },
  },
  deadline = "10m",

  run = function(agent, _, with)
    local result, why = agent.act("cache:unlink_pattern", {
      pattern = with.pattern, max_keys = with.limit, batch = with.batch, never = with.never,
    })
    if not result then
      return agent.hand_over("%s could not be dropped: %s", with.pattern, why)
    end
    if result.done == 0 then
      return agent.leave("no key of a cache fits %s", with.pattern)
    end
    return agent.applied("%d keys of %s were dropped", result.done, with.pattern)
  end,
}
