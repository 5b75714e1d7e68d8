-- a field as wide as the memory of the machine
-- expect failed: invalid conversion
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    string.format("%999999999d", 1)
  end,
}
