-- more words than anybody reads
-- expect left: 1000
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    for i = 1, 1000 do agent.log("line %d", i) end
    agent.leave("1000")
  end,
}
