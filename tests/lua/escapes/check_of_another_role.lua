-- a check of a target that is not declared
-- expect failed: of a role that targets does not have
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.check("cache/memory")
  end,
}
