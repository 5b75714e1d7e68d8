-- A request that the operator declares on an http target.
local request = {}

-- Has it sent, once; comes back only where it was sent and answered as declared, or where there was nothing to do.
function request.send(agent, name, open, what)
  local result, why, code = agent.act("app:request", { request = name, with = open })
  if not result and code == "lost" then
    return agent.hand_over("%s: it was asked for and not answered, and may be done: look before it is asked for again", what)
  end
  if not result then
    return agent.hand_over("%s: %s", what, why)
  end
  return result
end

return request
