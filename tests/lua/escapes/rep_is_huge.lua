-- a string of a gigabyte
-- expect spent: more memory
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local s = string.rep("x", 65536, "y")
    for i = 1, 20 do s = string.rep(s, 64) end
  end,
}
