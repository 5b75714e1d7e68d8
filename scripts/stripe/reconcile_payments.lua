---@type runbookd.Script
-- Reports payments that the application calls pending, and what Stripe says of each.  It changes nothing: a PaymentIntent is the truth,
-- but only the application knows what follows from it, so a person (or its own job) brings it up to date.
return {
  summary = "report which pending payments Stripe has brought to an end",
  expects = { plugin = "stripe", check = "stuck_payments" },
  targets = { stripe = "stripe" },
  needs   = {},
  with = {
    check = { "string", default = "stuck_payments", help = "the check that holds pending payments against Stripe; with `sql`" },
    limit = { "integer", default = 10, min = 1, max = 20, help = "how many are named" },
  },
  deadline = "5m",

  run = function(agent, _, with)
    local now, unknown = agent.check("stripe/" .. with.check)
    if not now then
      return agent.hand_over("payments could not be held against Stripe: %s", unknown)
    end
    if now.status == "unknown" then
      return agent.hand_over("payments could not be held against Stripe: %s", now.message)
    end
    if now.measures.count == 0 then
      return agent.leave("no payment is stuck")
    end
    local settled, open = {}, 0
    for _, row in ipairs(now.evidence.payments or {}) do
      if row.stripe_status == "succeeded" or row.stripe_status == "canceled" then
        settled[#settled + 1] = string.format("%s %s (%s)", row.payment or "?", row.stripe_status, row.payment_intent)
      else
        open = open + 1
      end
    end
    if not now.measures.missed then
      return agent.hand_over("%d payments are open at Stripe; with `sql` they would be held against the application", now.measures.count)
    end
    if #settled == 0 then
      return agent.leave("%d payments are pending, and Stripe has brought none of them to an end", now.measures.count)
    end
    return agent.hand_over("Stripe has brought %d of %d pending payments to an end; reconcile through the application: %s%s",
      now.measures.missed, now.measures.count, table.concat(settled, ", ", 1, math.min(#settled, with.limit)),
      #settled > with.limit and ", ..." or "")
  end,
}
