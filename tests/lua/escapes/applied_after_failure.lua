-- claiming what has failed
-- expect failed: nothing was applied
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local result, why = agent.act("db:terminate_sessions", { fails = true })
    assert(result == nil)
    agent.applied("all is well")
  end,
}
