-- the same, where xpcall has a handler
-- expect refused: the guard says no
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    xpcall(agent.act, function() agent.applied("done") end, "db:terminate_sessions", { refused = true })
    agent.applied("done")
  end,
}
