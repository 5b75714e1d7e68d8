-- an answer larger than all of its memory
-- expect spent: more memory
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.act("db:terminate_sessions", { huge = true })
  end,
}
