-- what scripts/lib is for
-- expect left: 42
local sessions = require("sessions")
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.leave("%d", sessions.answer)
  end,
}
