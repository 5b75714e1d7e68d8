-- an endless loop that swallows what stops it
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    while true do pcall(function() while true do end end) end
  end,
}
