-- repeating nothing takes no memory, but time
-- expect failed: more than 65536
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    string.rep("", 1 << 40)
  end,
}
