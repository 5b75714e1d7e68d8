---@type runbookd.Script
-- Stops the sales of one event while it is oversold, or lets them go on when it no longer is: a check of the database says which.
local interlock = require "interlock"
local request = require "request"

return {
  summary = "stop one event's sales while it is oversold, or let them go on",
  targets = { app = "http", db = "postgres" },
  needs   = { "app:request" },
  with = {
    event_id = { "string", help = "which one; without it the one that the finding is about" },
    resume   = { "boolean", default = false, help = "let its sales go on" },
    oversold = { "string", required = true, help = "the check of the database that finds oversold events" },
    request  = { "string", default = "sales", help = "the declared request, which leaves with.event_id and with.paused open; with `before` "
                       .. "to see that the event is on sale, and `undo`" },
  },
  deadline = "1m",

  run = function(agent, finding, with)
    local id = with.event_id or finding.subject
    if not id then
      return agent.hand_over("the finding is about no event, and with.event_id names none")
    end
    if with.resume then
      interlock.ok(agent, "db/" .. with.oversold, "more would be sold than there is")
    else
      interlock.broken(agent, "db/" .. with.oversold)
    end
    local what = string.format("sales of %s are %s", id, with.resume and "resumed" or "paused")
    local result = request.send(agent, with.request, { event_id = id, paused = not with.resume }, what)
    if result.done == 0 then
      return agent.leave("%s already, or it is in a state where that cannot be", what)
    end
    return agent.applied("%s", what)
  end,
}
