-- as many values as a table might have
-- expect failed: more than 65536
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    table.unpack({}, 1, 1 << 30)
  end,
}
