-- going on after an end
-- expect left: once
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    pcall(agent.leave, "once")
    agent.act("db:terminate_sessions", {})
    agent.applied("twice")
  end,
}
