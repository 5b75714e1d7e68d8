-- read-only by table.insert and table.move too
-- expect failed: globals and libraries cannot be changed
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    table.move({ 1 }, 1, 1, 1, _G)
  end,
}
