-- data of another run, in a table of a library
-- expect left: 42
local sessions = require("sessions")
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    sessions.answer = sessions.answer + 1
    agent.leave("%d", sessions.answer - 1)
  end,
}
