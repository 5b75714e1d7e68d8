---@type runbookd.Script
-- Lets a table drop its old parts by itself, so that its disk does not run full again.  Not while a mutation hangs: the change
-- would wait behind it.
local interlock = require "interlock"

return {
  summary = "let a table drop its old parts by itself",
  expects = { plugin = "clickhouse" },
  targets = { ch = "clickhouse" },
  needs   = { "ch:set_ttl" },
  with = {
    table     = { "string", required = true, help = "DATABASE.TABLE" },
    column    = { "string", required = true, help = "when a row came: a Date or DateTime" },
    keep      = { "duration", default = "30d", min = "1d", help = "how long rows are kept, in whole days" },
    mutations = { "string", default = "mutations", help = "the check that says whether mutations come to their end" },
  },
  deadline = "2m",

  run = function(agent, _, with)
    interlock.ok(agent, "ch/" .. with.mutations, "the change would wait behind a mutation")
    local result, why = agent.act("ch:set_ttl", { table = with.table, column = with.column, keep = with.keep })
    if not result then
      return agent.hand_over("the TTL of %s could not be set: %s", with.table, why)
    end
    if result.planned == 0 then
      return agent.leave("%s keeps its rows for %s already", with.table, with.keep)
    end
    if result.done == 0 then
      return agent.hand_over("the TTL of %s was not set: the table is gone, or was changed since the plan", with.table)
    end
    return agent.applied("%s keeps its rows for %s, by %s, from the next merges on", with.table, with.keep, with.column)
  end,
}
