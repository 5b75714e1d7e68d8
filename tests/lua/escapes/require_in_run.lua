-- code that comes later than the look at it
-- expect failed: require belongs at the top
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    require("sessions")
  end,
}
