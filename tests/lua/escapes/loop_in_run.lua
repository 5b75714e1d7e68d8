-- an endless loop
-- expect spent: at line 9
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local n = 0
    while true do n = n + 1 end
  end,
}
