-- functions that hold functions
-- expect spent: more memory
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local f = function() end
    while true do local g = f f = function() return g end end
  end,
}
