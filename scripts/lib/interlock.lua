-- What must be so before a script changes anything.  The agent's own checks are asked, now; where none of them knows, a person is needed.
local interlock = {}

-- What a check finds.
function interlock.look(agent, name)
  local found, why = agent.check(name)
  if not found or found.status == "unknown" then
    return agent.hand_over("%s is not known: %s", name, found and found.message or why)
  end
  return found
end

-- Goes on only while a check is ok; `because` says what would go wrong otherwise.
function interlock.ok(agent, name, because)
  local found = interlock.look(agent, name)
  if found.status ~= "ok" then
    return agent.hand_over("%s: %s is %s (%s)", because, name, found.status, found.message)
  end
  return found
end

-- Goes on only while it is not ok: otherwise there is nothing to repair.
function interlock.broken(agent, name)
  local found = interlock.look(agent, name)
  if found.status == "ok" then
    return agent.leave("%s is ok: %s", name, found.message)
  end
  return found
end

return interlock
