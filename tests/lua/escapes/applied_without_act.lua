-- claiming what was never asked
-- expect failed: nothing was applied
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.applied("all is well")
  end,
}
