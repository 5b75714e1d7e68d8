---@type runbookd.Script
-- Switches one source of an application's data off, or on again; never the last one that works.  `undo_after` of the remediation
-- switches it on again by itself.
local request = require "request"

-- The name of another source's check that is ok; nil: none is.
local function another(agent, checks)
  for _, name in ipairs(checks) do
    local found = agent.check("app/" .. name)
    if found and found.status == "ok" then return name end
  end
end

return {
  summary = "switch one source of data off, never the last one that works",
  targets = { app = "http" },
  needs   = { "app:request" },
  with = {
    source  = { "string", help = "which one; without it the one that the finding is about" },
    enabled = { "boolean", default = false, help = "true: switch it on again" },
    others  = { "list", default = {}, help = "checks of the other sources on the same target: one must be ok" },
    request = { "string", default = "source", help = "the declared request, which leaves with.source and with.enabled open" },
  },
  deadline = "1m",

  run = function(agent, finding, with)
    local source = with.source or finding.subject
    if not source then
      return agent.hand_over("the finding is about no source, and with.source names none")
    end
    if not with.enabled and #with.others == 0 then
      return agent.hand_over("whether %s is the last source is not known: with.others names no check", source)
    end
    if not with.enabled and not another(agent, with.others) then
      return agent.hand_over("%s may be the last source that works: none of %s is ok", source, table.concat(with.others, ", "))
    end
    local what = string.format("%s is switched %s", source, with.enabled and "on" or "off")
    local result = request.send(agent, with.request, { source = source, enabled = with.enabled }, what)
    if result.done == 0 then
      return agent.leave("%s already", what)
    end
    return agent.applied("%s", what)
  end,
}
