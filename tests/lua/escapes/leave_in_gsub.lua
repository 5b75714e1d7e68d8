-- an end where Lua cannot yield
-- expect failed: agent.leave cannot wait here
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    string.gsub("a", "a", function() agent.leave("x") end)
  end,
}
