-- the metatable that keeps globals as they are
-- expect failed: cannot change a protected metatable
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    setmetatable(_G, {})
  end,
}
