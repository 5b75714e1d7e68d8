-- a table of long texts, joined
-- expect spent: more memory
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local t, s = {}, string.rep("x", 60000)
    for i = 1, 1000 do t[i] = s end
    local joined = table.concat(t)
  end,
}
