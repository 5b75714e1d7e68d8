-- a function of a library, replaced
-- expect failed: write local format
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    string.format = function() return "x" end
  end,
}
