-- a library of bytecode
-- expect load: attempt to load a binary chunk
require("bytecode")
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.leave("it got through")
  end,
}
