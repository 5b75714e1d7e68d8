-- ending without a word
-- expect failed: without saying how it ended
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    return "fine"
  end,
}
