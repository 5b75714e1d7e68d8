-- data of another run, in a local of the file
-- expect left: 1
local count = 0
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    count = count + 1
    local mine = count
    agent.leave("%d", mine)
  end,
}
