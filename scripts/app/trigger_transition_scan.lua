---@type runbookd.Script
-- Has an application look for states that it should have left by now, while there are such: a check of its database says so.
local interlock = require "interlock"
local request = require "request"

return {
  summary = "have an application move on what is stuck in a state",
  expects = { plugin = "postgres" },
  targets = { app = "http", db = "postgres" },
  needs   = { "app:request" },
  with = {
    invariant = { "string", required = true, help = "the check of the database that counts what is stuck" },
    request   = { "string", default = "transition_scan", help = "the declared request" },
  },
  deadline = "2m",

  run = function(agent, _, with)
    local stuck = interlock.broken(agent, "db/" .. with.invariant)
    local result = request.send(agent, with.request, {}, "the scan is started")
    if result.done == 0 then
      return agent.leave("there was nothing to do for %s", with.request)
    end
    return agent.applied("the scan is started, for: %s", stuck.message)
    -- Whether it helped is for the invariant to say.
  end,
}
