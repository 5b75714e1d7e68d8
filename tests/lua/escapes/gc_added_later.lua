-- a finalizer that comes after setmetatable has looked: Lua never asks for it
-- expect left: it got through
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local mt = {}
    for i = 1, 1000 do setmetatable({}, mt) end
    mt.__gc = function() while true do end end
    for i = 1, 100000 do local garbage = { i } end
    agent.leave("it got through")
  end,
}
