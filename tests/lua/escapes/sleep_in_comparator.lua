-- waiting where Lua cannot yield
-- expect failed: agent.sleep cannot wait here
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    table.sort({ 3, 2, 1 }, function(a, b) agent.sleep("1s") return a < b end)
  end,
}
