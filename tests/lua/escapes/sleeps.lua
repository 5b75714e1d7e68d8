-- sleeping past its deadline
-- expect late: it was not through at its deadline
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  deadline = "1s",
  run = function(agent, finding, with)
    agent.sleep("1h")
    agent.leave("woke up")
  end,
}
