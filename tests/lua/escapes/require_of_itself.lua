-- a library that requires itself
-- expect load: lib/selfish requires itself
require("selfish")
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.leave("it got through")
  end,
}
