-- claiming what was refused
-- expect refused: the guard says no
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    pcall(agent.act, "db:terminate_sessions", { refused = true })
    agent.applied("done all the same")
  end,
}
