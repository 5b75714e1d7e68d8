---@type runbookd.Script
-- Sets a queue aside that floods its workers: renamed, not deleted, so that it can be taken back.
return {
  summary = "set a flooded queue aside, where workers do not see it and it can be taken back",
  expects = { plugin = "redis", check = "queue_depth" },
  targets = { queues = "redis" },
  needs   = { "queues:quarantine_queue" },
  with = {
    key      = { "string", help = "the queue; without it the one that the finding is about" },
    keep     = { "duration", default = "7d", min = "1h", help = "how long it can be taken back" },
    at_least = { "integer", default = 1000, min = 1, help = "a shorter queue is left alone" },
    never    = { "list", default = {}, help = "queues that are never set aside" },
  },
  deadline = "1m",

  run = function(agent, finding, with)
    local key = with.key or finding.subject
    if not key then
      return agent.hand_over("the finding is about no queue, and with.key names none")
    end
    for _, name in ipairs(with.never) do
      if name == key then return agent.hand_over("%s is never set aside", key) end
    end
    local length = finding.measures.length
    if length and length < with.at_least then
      return agent.leave("%d entries are no flood", length)
    end
    local result, why = agent.act("queues:quarantine_queue", { key = key, keep = with.keep })
    if not result then
      return agent.hand_over("%s could not be set aside: %s", key, why)
    end
    if result.done == 0 then
      return agent.leave("%s was gone already, or something is in quarantine under its name", key)
    end
    return agent.applied("%s is set aside as %s:quarantine, for %s", key, key, with.keep)
  end,
}
