-- acting where Lua cannot yield: nothing is asked
-- expect failed: agent.act cannot wait here
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    string.gsub("a", "a", function() agent.act("db:terminate_sessions", {}) end)
  end,
}
