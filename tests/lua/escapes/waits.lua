-- an answer that never comes
-- expect late: while it waited
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  deadline = "1s",
  run = function(agent, finding, with)
    agent.act("db:terminate_sessions", { never = true })
  end,
}
