---@type runbookd.Script
-- Has the application retry payments that failed for Stripe's sake or ours, once Stripe is well again.  Which ones Stripe's events say.
-- Whether one may still be retried is the application's to find out: it looks at the PaymentIntent first, and keeps the idempotency key
-- of the first attempt, or a customer pays twice.  Declined cards are never among them.
return {
  summary = "have the application retry payments that failed, but not for the card's sake",
  expects = { plugin = "stripe", check = "payment_failure_rate" },
  targets = { stripe = "stripe", app = "http" },
  needs   = { "app:request" },
  with = {
    request  = { "string", required = true, help = "of the target `app`: it retries payments, and is given the list payment_intents" },
    limit    = { "integer", default = 10, min = 1, max = 50, help = "how many at a time" },
    never    = { "list", default = {}, help = "ids of PaymentIntents that are left alone" },
    status   = { "string", default = "status", help = "the check that says how Stripe is" },
    failures = { "string", default = "payment_failure_rate", help = "the check that says which payments failed" },
  },
  deadline = "5m",

  run = function(agent, _, with)
    local provider, unknown = agent.check("stripe/" .. with.status)
    if not provider or provider.status == "unknown" then
      return agent.hand_over("whether Stripe is well is not known: %s", provider and provider.message or unknown)
    end
    if provider.status ~= "ok" then
      return agent.leave("%s: payments are retried when that has ended", provider.message)
    end
    local failures, why = agent.check("stripe/" .. with.failures)
    if not failures or failures.status == "unknown" then
      return agent.hand_over("which payments failed is not known: %s", failures and failures.message or why)
    end
    local never, chosen = {}, {}
    for _, id in ipairs(with.never) do never[id] = true end
    for _, row in ipairs(failures.evidence.failed_payments or {}) do
      local id = row.payment_intent
      if id and row.error ~= "card_error" and not never[id] and #chosen < with.limit then
        chosen[#chosen + 1], never[id] = id, true
      end
    end
    if #chosen == 0 then
      return agent.leave("no payment failed that may be retried")
    end
    local result, problem = agent.act("app:request", { request = with.request, with = { payment_intents = chosen } })
    if not result then
      return agent.hand_over("the application did not take them: %s", problem)
    end
    if result.done == 0 then
      return agent.leave("the application had nothing left to retry")
    end
    return agent.applied("the application retries %d payments: %s", #chosen, table.concat(chosen, ", "))
    -- Whether they succeed is for payment_failure_rate to say.
  end,
}
