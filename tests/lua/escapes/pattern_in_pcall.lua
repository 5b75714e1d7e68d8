-- the same, again and again
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    while true do pcall(string.find, ("a"):rep(60), ("a*"):rep(30) .. "b") end
  end,
}
