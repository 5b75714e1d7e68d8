-- comparing long texts, again and again
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local a = ("x"):rep(60000)
    local b = a .. "y"
    a = a .. "z"
    local n = 0
    while true do if a < b then n = n + 1 end end
  end,
}
