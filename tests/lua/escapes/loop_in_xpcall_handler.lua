-- a handler of errors that never ends
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    xpcall(error, function() while true do end end, "x")
  end,
}
