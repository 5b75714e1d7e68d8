-- a function of the standard library, replaced
-- expect failed: write local pcall
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    pcall = function() end
  end,
}
