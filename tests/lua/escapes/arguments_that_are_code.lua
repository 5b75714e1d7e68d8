-- a function as an argument
-- expect failed: that is no data
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.act("db:terminate_sessions", { f = print or pcall })
  end,
}
