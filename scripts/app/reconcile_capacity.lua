---@type runbookd.Script
-- Has an application bring what it counts as sold into line with its tickets, for one event: only while nothing of it is sold,
-- and only where they differ.
local interlock = require "interlock"
local request = require "request"

return {
  summary = "have one event's capacity counted anew, while its sales are paused",
  targets = { app = "http", db = "postgres" },
  needs   = { "app:request" },
  with = {
    event_id  = { "string", help = "which one; without it the one that the finding is about" },
    max_delta = { "integer", default = 10, min = 1, max = 1000, help = "by how much a tier may be changed" },
    invariant = { "string", required = true, help = "the check of the database that holds capacity against tickets" },
    paused    = { "string", required = true, help = "the check of the application that is ok only while the event's sales are paused" },
    request   = { "string", default = "reconcile_capacity", help = "the declared request, which leaves with.event_id and with.max_delta open; the "
                        .. "application locks the rows, keeps holds, and refuses what is more" },
  },
  deadline = "2m",

  run = function(agent, finding, with)
    local id = with.event_id or finding.subject
    if not id then
      return agent.hand_over("the finding is about no event, and with.event_id names none")
    end
    interlock.broken(agent, "db/" .. with.invariant)
    interlock.ok(agent, "app/" .. with.paused, "it is counted only while nothing is sold")
    local what = string.format("the capacity of %s is counted anew", id)
    local result = request.send(agent, with.request, { event_id = id, max_delta = with.max_delta }, what)
    if result.done == 0 then
      return agent.leave("%s had nothing to correct", id)
    end
    return agent.applied("%s", what)
  end,
}
