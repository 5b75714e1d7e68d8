---@type runbookd.Script
-- Says which index would spare slow statements reading whole tables, as a command for a person or a migration.  It changes nothing, and
-- executes no statement: each is planned, without its values, in a read-only transaction.  CREATE INDEX CONCURRENTLY takes disk,
-- waits for old transactions, and leaves an invalid index behind where it fails: that is no business of an incident's.

-- What slow_statements has found, the slowest first; another check's finding has none.
local function ids_of(found)
  local ids = {}
  for _, row in ipairs(found and found.evidence and found.evidence.statements or {}) do
    ids[#ids + 1] = row.query_id
  end
  return ids
end

return {
  summary = "suggest indexes for slow statements, and make none",
  expects = { plugin = "postgres" },
  targets = { db = "postgres" },
  needs   = { "db:suggest_indexes" },
  with = {
    query_id    = { "string", help = "one statement of pg_stat_statements; without it those that the finding, or `check`, names" },
    check       = { "string", default = "slow_statements", help = "the check that is asked where the finding names no statement" },
    limit       = { "integer", default = 5, min = 1, max = 10, help = "how many statements are planned" },
    min_rows    = { "integer", default = 10000, min = 1, help = "smaller tables are read in sequence for good" },
    max_percent = { "number", default = 5, max = 100, help = "an index pays where a filter leaves so much of the table at most" },
  },
  deadline = "5m",

  run = function(agent, finding, with)
    local ids = with.query_id and { with.query_id } or ids_of(finding)
    if #ids == 0 then
      local now, unknown = agent.check("db/" .. with.check)
      if not now then
        return agent.hand_over("no statement to look at: %s", unknown)
      end
      ids = ids_of(now)
    end
    local commands, seen, planned, failure = {}, {}, 0, nil
    for i = 1, math.min(#ids, with.limit) do
      local found, why = agent.act("db:suggest_indexes", { query_id = ids[i], min_rows = with.min_rows, max_percent = with.max_percent })
      if not found then
        failure = why
        agent.log("statement %s: %s", ids[i], why)
      else
        planned = planned + 1
        for _, scan in ipairs(found.scans) do
          agent.log("statement %s reads %s in sequence: %s%s", ids[i], scan.table, scan.why, scan.suggest and "; " .. scan.suggest or "")
          if scan.suggest and not seen[scan.suggest] then
            seen[scan.suggest] = true
            commands[#commands + 1] = scan.suggest
          end
        end
      end
    end
    if #commands > 0 then
      return agent.hand_over("%d %s would help, in a migration: %s", #commands, #commands == 1 and "index" or "indexes", table.concat(commands, " "))
    end
    if #ids == 0 then
      return agent.leave("%s names no statement", with.check)
    end
    if planned == 0 then
      return agent.hand_over("no statement could be planned: %s", failure)
    end
    return agent.leave("%d of %d statements were planned, and no index would pay%s", planned, #ids, failure and "; the last that could not be: " .. failure or "")
  end,
}
