---@type runbookd.Script
-- Clears a queue behind a lock at its head: the query of the session that makes the others wait is cancelled; a session that
-- holds the lock and does nothing is ended.  Who only waits is never touched.
local interlock = require "interlock"

-- Roots that hold up enough others, most first, as the check orders them.
local function chosen(roots, with)
  local list = {}
  for _, root in ipairs(roots or {}) do
    if root.blocks >= with.blocks and #list < with.limit then list[#list + 1] = root end
  end
  return list
end

local function clear(agent, root, with)
  local idle = root.state and root.state:find("idle in transaction", 1, true) == 1
  return agent.act(idle and "db:terminate_sessions" or "db:cancel_queries", {
    which = idle and "idle_in_transaction" or nil, pid = root.pid, older_than = with.older_than, grace = with.grace, most = 1,
    databases = root.database and { root.database }, except_applications = with.spare, except_users = with.spare_users,
  })
end

return {
  summary = "cancel what others wait for: the session at the head of a queue for locks",
  expects = { plugin = "postgres", check = "blocking" },
  targets = { db = "postgres" },
  needs   = { "db:cancel_queries", "db:terminate_sessions" },
  with = {
    blocking    = { "string", default = "blocking", help = "the check that says who waits for whom" },
    blocks      = { "integer", default = 1, min = 1, max = 1000, help = "sessions that must wait behind it" },
    older_than  = { "duration", default = "30s", min = "1s", help = "for how long it has run its query, or done nothing" },
    grace       = { "duration", default = "10s", max = "1m", help = "how long a cancelled query may take to end" },
    limit       = { "integer", default = 1, min = 1, max = 5, help = "how many heads at most; each is a plan of its own" },
    spare       = { "list", default = { "pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup", "runbookd" },
                    help = "application_name of sessions that are spared: migrations" },
    spare_users = { "list", default = {}, help = "roles that are spared" },
  },
  deadline = "5m",

  run = function(agent, _, with)
    local now = interlock.look(agent, "db/" .. with.blocking)
    if now.measures.waiting == 0 then
      return agent.leave("nobody waits for a lock any more")
    end
    local heads = chosen(now.evidence.roots, with)
    if #heads == 0 then
      return agent.hand_over("no session alone makes %d or more others wait: %s", with.blocks, now.message)
    end
    local ended = {}
    for _, root in ipairs(heads) do
      if root.pid == 0 then
        return agent.hand_over("a prepared transaction holds the lock: its coordinator decides, by COMMIT PREPARED or ROLLBACK PREPARED")
      end
      local result, why = clear(agent, root, with)
      if not result then
        return agent.hand_over("%d could not be made to let go: %s", root.pid, why)
      end
      if result.planned == 0 then
        return agent.hand_over("%d of %s makes %d wait, and is spared or has just begun", root.pid, root.user or "the server", root.blocks)
      end
      if result.survived + result.failed > 0 then
        return agent.hand_over("%d was told to let go, and is still there", root.pid)
      end
      if result.done > 0 then ended[#ended + 1] = string.format("%d (%d waited)", root.pid, root.blocks) end
    end
    if #ended == 0 then
      return agent.leave("they had let go by themselves")
    end
    return agent.applied("made to let go: %s", table.concat(ended, ", "))
  end,
}
