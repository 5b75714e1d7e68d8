-- moving a list by one, again and again
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local t = {}
    for i = 1, 60000 do t[i] = i end
    while true do table.insert(t, 1, 0) table.remove(t, 1) end
  end,
}
