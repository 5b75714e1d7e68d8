-- a verb of a role that is not declared
-- expect failed: is not in the script's needs
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.act("cache:flush", {})
  end,
}
