-- bytecode, for which Lua has no verifier
-- expect failed: attempt to call a nil value
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local f = load("\27Lua")
    f()
  end,
}
