-- recursion through metamethods
-- expect failed: stack overflow
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local t = setmetatable({}, {})
    getmetatable(t).__index = function(_, key) return t[key] end
    return t.x
  end,
}
