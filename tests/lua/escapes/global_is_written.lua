-- a global, by mistake
-- expect failed: globals and libraries cannot be changed here: write local count
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    count = 1
  end,
}
