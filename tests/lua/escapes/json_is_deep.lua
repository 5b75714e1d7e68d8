-- JSON that is nested without end
-- expect left: nil
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.leave("%s", (json.decode(("["):rep(60000))))
  end,
}
