---@type runbookd.Script
-- Puts an application into maintenance, or takes it out again, by the request that the operator declares on it.  `undo_after` of
-- the remediation is its latest end.  Silencing what then fires is a matter of its own: runbookd silence.
local interlock = require "interlock"
local request = require "request"

return {
  summary = "put an application into maintenance, or take it out again",
  targets = { app = "http" },
  needs   = { "app:request" },
  with = {
    enabled = { "boolean", default = true, help = "false: take it out of maintenance" },
    request = { "string", default = "maintenance", help = "the declared request, which leaves with.enabled open" },
    ready   = { "string", help = "a check of the application that must be ok before it is opened again" },
  },
  deadline = "1m",

  run = function(agent, _, with)
    if not with.enabled and with.ready then
      interlock.ok(agent, "app/" .. with.ready, "users would be let on to an application that is not well")
    end
    local what = with.enabled and "maintenance begins" or "maintenance ends"
    local result = request.send(agent, with.request, { enabled = with.enabled }, what)
    if result.done == 0 then
      return agent.leave("%s: it is so already", what)
    end
    return agent.applied("%s", what)
  end,
}
