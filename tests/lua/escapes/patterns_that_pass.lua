-- patterns that are all allowed, without end
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local s = ("ab "):rep(100)
    while true do s:find("^%s*(%w+)%s+(%w+)$") end
  end,
}
