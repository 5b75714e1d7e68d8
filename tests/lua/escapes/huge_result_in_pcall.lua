-- the same, swallowed: it was applied all the same
-- expect applied: 1
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local fine = pcall(agent.act, "db:terminate_sessions", { huge = true })
    assert(not fine)
    agent.applied("1")
  end,
}
