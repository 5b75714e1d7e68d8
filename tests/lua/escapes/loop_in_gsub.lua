-- an endless loop in a function of gsub
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    string.gsub("aaa", "a", function() while true do end end)
  end,
}
