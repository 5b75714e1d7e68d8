-- an endless loop in a metamethod
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local t = setmetatable({}, { __index = function() while true do end end })
    local x = t.x
    agent.leave("%s", x)
  end,
}
