-- what all strings do
-- expect failed: attempt to index a boolean value
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    getmetatable("").__index = function() return "x" end
  end,
}
