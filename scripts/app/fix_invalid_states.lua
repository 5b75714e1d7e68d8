---@type runbookd.Script
-- Repairs few rows that are in a state where none may be, by the operator's own statement.  What they were is kept first, by a
-- statement as well; where that did not keep as many rows as there are to repair, nothing is repaired.
local interlock = require "interlock"

-- How many rows a statement changed, as the server says; `done` counts what was planned.
local function changed(result)
  local said = result.results and result.results[1]
  return said and said.rows or result.done
end

return {
  summary = "repair few rows in an invalid state, after keeping what they were",
  expects = { plugin = "postgres", check = "invariant" },
  targets = { db = "postgres" },
  needs   = { "db:execute" },
  with = {
    invariant = { "string", required = true, help = "the check that finds such rows" },
    keep      = { "string", required = true, help = "INSERT INTO kept SELECT ...: a statement that keeps each of them as it is" },
    statement = { "string", required = true, help = "UPDATE ... WHERE ...: the statement that repairs them" },
    count     = { "string", required = true, help = "SELECT count(*) ...: how many there are" },
    most      = { "integer", default = 10, min = 1, max = 100, help = "more rows than that are for a person" },
  },
  deadline = "2m",

  run = function(agent, _, with)
    local wrong = interlock.broken(agent, "db/" .. with.invariant)
    local violations = wrong.measures.violations
    if violations and violations > with.most then
      return agent.hand_over("%d rows are more than %d: %s", violations, with.most, wrong.message)
    end
    local kept, why = agent.act("db:execute", { statement = with.keep, count = with.count, most = with.most })
    if not kept then
      return agent.hand_over("what the rows were could not be kept, so that nothing was repaired: %s", why)
    end
    if kept.planned == 0 then
      return agent.leave("there are no such rows any more")
    end
    local safe = changed(kept)
    if safe < kept.planned then
      return agent.hand_over("%d of %d rows were kept, so that nothing was repaired", safe, kept.planned)
    end
    local repaired, problem = agent.act("db:execute", { statement = with.statement, count = with.count, most = safe })
    if not repaired then
      return agent.hand_over("%d rows were kept and none repaired: %s", safe, problem)
    end
    if repaired.done == 0 then
      return agent.hand_over("%d rows were kept and none repaired: they have changed meanwhile", safe)
    end
    return agent.applied("%d rows were kept as they were, and %d repaired", safe, changed(repaired))
  end,
}
