-- a text as long as one may be, made again and again
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    while true do local s = ("x"):rep(60000, "y") end
  end,
}
