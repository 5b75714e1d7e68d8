---@type runbookd.Script
-- Has an application try one transaction again, after somebody has reconciled it: never two, never twice.
return {
  summary = "have one transaction tried again, after it was reconciled",
  targets = { app = "http" },
  needs   = { "app:request" },
  with = {
    transaction_id = { "string", help = "which one; without it the one that the finding is about" },
    request = { "string", default = "retry_transaction",
                help = "the declared request: with an idempotency key of ${plan.hash}, and `before` to see that it failed" },
  },
  deadline = "1m",

  run = function(agent, finding, with)
    local id = with.transaction_id or finding.subject
    if not id then
      return agent.hand_over("the finding is about no transaction, and with.transaction_id names none")
    end
    local result, why, code = agent.act("app:request", { request = with.request, with = { transaction_id = id } })
    if not result and code == "lost" then
      return agent.hand_over("%s was asked for and not answered: compare it with the payment provider first", id)
    end
    if not result then
      return agent.hand_over("%s could not be tried again: %s", id, why)
    end
    if result.done == 0 then
      return agent.leave("%s is no longer in a state to be tried again", id)
    end
    return agent.applied("%s is tried again", id)
  end,
}
