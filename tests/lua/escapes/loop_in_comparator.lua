-- an endless loop where Lua cannot yield
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    table.sort({ 3, 2, 1 }, function() while true do end end)
  end,
}
