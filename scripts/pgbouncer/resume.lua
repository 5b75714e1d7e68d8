---@type runbookd.Script
-- Lets the clients of a paused database go on, once the server behind lets logins in.
local interlock = require "interlock"

return {
  summary = "let the clients of a paused database go on",
  expects = { plugin = "pgbouncer" },
  targets = { pool = "pgbouncer", db = "postgres" },
  needs   = { "pool:resume" },
  with = {
    database = { "string", help = "as PgBouncer calls it; without it the one that the finding is about" },
    server   = { "string", default = "connect", help = "the check that says whether the server behind lets logins in" },
  },
  deadline = "1m",

  run = function(agent, finding, with)
    local database = with.database or (finding.subject and finding.subject:gsub("/[^/]*$", ""))
    if not database then
      return agent.hand_over("the finding is about no database, and with.database names none")
    end
    interlock.ok(agent, "db/" .. with.server, "clients would be let on to a server that is not there")
    local result, why = agent.act("pool:resume", { database = database })
    if not result then
      return agent.hand_over("%s could not be resumed: %s", database, why)
    end
    if result.done == 0 then
      return agent.leave("%s is not paused", database)
    end
    return agent.applied("%s is resumed: its clients go on", database)
  end,
}
