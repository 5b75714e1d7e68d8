---@type runbookd.Script
-- Has PgBouncer open its server connections anew: after a failover, a new address or a new password.  No client loses its own.
-- It is done only while the server lets logins in: otherwise the last connections that work would be thrown away.
local interlock = require "interlock"

return {
  summary = "have a pool's server connections opened anew",
  expects = { plugin = "pgbouncer" },
  targets = { pool = "pgbouncer", db = "postgres" },
  needs   = { "pool:reconnect" },
  with = {
    database = { "string", help = "as PgBouncer calls it; without it all" },
    server   = { "string", default = "connect", help = "the check that says whether the server behind lets logins in" },
  },
  deadline = "1m",

  run = function(agent, _, with)
    interlock.ok(agent, "db/" .. with.server, "there is nothing to connect to")
    local what = with.database or "all databases"
    local result, why = agent.act("pool:reconnect", { database = with.database })
    if not result then
      return agent.hand_over("%s could not be reconnected: %s", what, why)
    end
    if result.done == 0 then
      return agent.leave("%s: there was nothing to reconnect", what)
    end
    return agent.applied("%s: server connections are opened anew as clients give them back", what)
  end,
}
