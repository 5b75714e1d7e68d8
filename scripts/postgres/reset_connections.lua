---@type runbookd.Script
-- Makes room on a full server by degrees, in place of ending every session at once: idle ones first, in batches, with a look
-- between two of them; it stops as soon as there is room, and where half of the sessions are ended there is a person to ask.
local interlock = require "interlock"

return {
  summary = "end sessions by degrees until a full server has room, idle ones first",
  expects = { plugin = "postgres", check = "connections" },
  targets = { db = "postgres" },
  needs   = { "db:terminate_sessions" },
  with = {
    connections = { "string", default = "connections", help = "the check that says how full the server is" },
    below       = { "number", default = 80, min = 1, max = 100, help = "percent used at which there is room" },
    share       = { "number", default = 50, min = 1, max = 50, help = "percent of the sessions that are ended at most" },
    batch       = { "integer", default = 10, min = 1, max = 100, help = "sessions at a time; each batch is a plan of its own" },
    pause       = { "duration", default = "5s", min = "1s", max = "1m", help = "between two batches" },
    grades      = { "list", default = { "idle", "idle_in_transaction" }, help = "in which order; active comes last, if at all" },
    idle_for    = { "duration", default = "1m", min = "1s", help = "idle ones: for how long" },
    stuck_for   = { "duration", default = "5m", min = "1s", help = "those idle in a transaction: for how long" },
    active_for  = { "duration", default = "10m", min = "1s", help = "those that run a query: for how long" },
    database    = { "string", help = "only sessions of this one; without it that of the target's login" },
    spare       = { "list", default = { "pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup", "psql", "runbookd" },
                    help = "application_name of sessions that are spared" },
  },
  deadline = "10m",

  run = function(agent, _, with)
    local ages = { idle = with.idle_for, idle_in_transaction = with.stuck_for, active = with.active_for }
    for _, which in ipairs(with.grades) do
      if not ages[which] then return agent.hand_over("with.grades knows idle, idle_in_transaction and active, but no \"%s\"", which) end
    end
    local now = interlock.look(agent, "db/" .. with.connections)
    if now.measures.used_percent < with.below then
      return agent.leave("%.0f %% used is no emergency", now.measures.used_percent)
    end
    local most, ended = math.floor(now.measures.used * with.share / 100), 0
    for _, which in ipairs(with.grades) do
      local batch, result, why
      repeat
        batch = math.min(with.batch, most - ended)
        if batch < 1 then
          return agent.hand_over("%d sessions ended, no more than that may be, and %.0f %% are used", ended, now.measures.used_percent)
        end
        result, why = agent.act("db:terminate_sessions", {
          which = which, older_than = ages[which], most = batch,
          databases = with.database and { with.database }, except_applications = with.spare,
        })
        if not result then
          return agent.hand_over("%d sessions ended, then no more: %s", ended, why)
        end
        ended = ended + result.done
        if result.done > 0 then
          agent.sleep(with.pause)
          now = interlock.look(agent, "db/" .. with.connections)
          if now.measures.used_percent < with.below then
            return agent.applied("%d sessions ended, %.0f %% are used", ended, now.measures.used_percent)
          end
        end
      until result.done < batch
    end
    return agent.hand_over("%d sessions ended, none is left that may be, and %.0f %% are used", ended, now.measures.used_percent)
  end,
}
