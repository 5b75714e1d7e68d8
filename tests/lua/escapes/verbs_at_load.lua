-- acting while it is loaded: there is no agent
-- expect load: attempt to index a nil value (global 'agent')
agent.act("db:terminate_sessions", {})
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.leave("it got through")
  end,
}
