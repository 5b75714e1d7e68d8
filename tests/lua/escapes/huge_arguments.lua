-- arguments longer than any action takes
-- expect failed: longer than 64 KiB
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.act("db:terminate_sessions", { text = ("x"):rep(65536) })
  end,
}
