-- a verb that the script does not declare
-- expect failed: "db:drop_database" is not in the script's needs
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.act("db:drop_database", {})
  end,
}
