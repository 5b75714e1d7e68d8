-- a file outside of scripts/lib
-- expect load: there is no "../../../etc/passwd" in scripts/lib
require("../../../etc/passwd")
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    agent.leave("it got through")
  end,
}
