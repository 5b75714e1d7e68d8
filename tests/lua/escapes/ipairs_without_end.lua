-- an iterator without end
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local t = setmetatable({}, { __index = function(_, i) return i end })
    for _ in ipairs(t) do end
  end,
}
