---@type runbookd.Script
-- Sets one flag of an application, by the request that the operator declares on it.
return {
  summary = "set a feature flag of an application",
  targets = { app = "http" },
  needs   = { "app:request" },
  with = {
    flag    = { "string", required = true, help = "which one" },
    value   = { "any", default = true, help = "what it is to be: true, 5, read-only" },
    request = { "string", default = "flag", help = "the declared request, which leaves with.flag and with.value open" },
  },
  deadline = "1m",

  run = function(agent, finding, with)
    local result, why = agent.act("app:request", {
      request = with.request, with = { flag = with.flag, value = with.value },
    })
    if not result then
      return agent.hand_over("%s could not be set: %s", with.flag, why)
    end
    if result.done == 0 then
      return agent.leave("%s was left as it is: it has changed meanwhile, or there is no such flag", with.flag)
    end
    return agent.applied("%s is %s now", with.flag, json.encode(with.value))
  end,
}
