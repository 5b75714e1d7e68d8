---@type runbookd.Script
-- Starts a job of an application, by the request that the operator declares on it.
return {
  summary = "start a job of an application",
  targets = { app = "http" },
  needs   = { "app:request" },
  with = {
    request = { "string", required = true, help = "the declared request: only those can be started" },
    json    = { "any", help = "its body, where the declaration says json: ${with.json}" },
    fill    = { "any", default = {}, help = "whatever else the declaration leaves open, by name" },
  },
  deadline = "2m",

  run = function(agent, finding, with)
    if type(with.fill) ~= "table" then
      return agent.hand_over("with.fill is no map of names and values")
    end
    local open = { json = with.json }
    for name, value in pairs(with.fill) do open[name] = value end
    local result, why, code = agent.act("app:request", { request = with.request, with = open })
    if not result and code == "lost" then
      return agent.hand_over("%s was asked for and not answered: it may run, look before it is started again", with.request)
    end
    if not result then
      return agent.hand_over("%s could not be started: %s", with.request, why)
    end
    if result.done == 0 then
      return agent.leave("there was nothing to do for %s", with.request)
    end
    return agent.applied("%s is started", with.request)
  end,
}
