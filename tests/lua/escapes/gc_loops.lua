-- a finalizer that never ends
-- expect failed: a metatable with __gc is not accepted
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    setmetatable({}, { __gc = function() while true do end end })
  end,
}
