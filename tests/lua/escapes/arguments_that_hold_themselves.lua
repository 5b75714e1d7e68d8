-- a table that holds itself
-- expect failed: nested too deep, or holds itself
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local t = {}
    t.t = t
    agent.act("db:terminate_sessions", t)
  end,
}
