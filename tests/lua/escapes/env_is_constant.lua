-- _ENV as a constant, which Lua 5.4.4 as released compiled wrongly (CVE-2022-28805)
-- expect failed: attempt to index a
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local _ENV <const> = 1
    x = x
  end,
}
