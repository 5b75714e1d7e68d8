-- the same, hidden in pcall
-- expect load: it ran too long
while true do pcall(function() while true do end end) end
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.leave("it got through")
  end,
}
