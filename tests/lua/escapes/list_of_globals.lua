-- a list has a metatable of its own: not that of all tables
-- expect failed: the table has a metatable already
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    json.list(_G)
  end,
}
