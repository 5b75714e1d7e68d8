-- a text that doubles
-- expect spent: more memory
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local s = "x"
    while true do s = string.format("%s%s", s, s) end
  end,
}
