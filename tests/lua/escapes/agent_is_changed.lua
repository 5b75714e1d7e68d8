-- a verb, replaced
-- expect failed: write local act
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.act = function() end
  end,
}
