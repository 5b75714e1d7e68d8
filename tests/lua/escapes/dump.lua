-- bytecode by string.dump
-- expect failed: attempt to call a nil value
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    string.dump(function() end)
  end,
}
