---@type runbookd.Script
-- Delivers Stripe events again that our endpoint missed, oldest first, paced; only while the endpoint takes signed events.
return {
  summary = "have Stripe send missed events again",
  expects = { plugin = "stripe", check = "webhook_deliveries" },
  targets = { stripe = "stripe" },
  needs   = { "stripe:redeliver_events" },
  with = {
    endpoint = { "string", help = "we_...; without it the only one that is enabled" },
    types    = { "list", default = { "payment_intent.*" }, help = "types of events; * stands for anything" },
    since    = { "duration", default = "1d", min = "1m", max = "30d", help = "how old they are at most" },
    limit    = { "integer", default = 100, min = 1, max = 1000, help = "how many at most, the oldest first" },
    pace     = { "rate", default = "2/s", help = "how fast" },
    skip     = { "list", default = {}, help = "ids of events that were dealt with by hand" },
    stop_after_failures = { "integer", default = 3, min = 1, max = 100, help = "in a row" },
    receiver = { "string", default = "webhook_receiver", help = "the check that says whether the endpoint takes events" },
  },
  deadline = "30m",

  run = function(agent, finding, with)
    local undelivered = finding.measures.undelivered
    if undelivered and undelivered == 0 then
      return agent.leave("every event arrived")
    end
    local receiver, unknown = agent.check("stripe/" .. with.receiver)
    if not receiver then
      return agent.hand_over("whether the endpoint takes events is not known: %s", unknown)
    end
    if receiver.status ~= "ok" and receiver.status ~= "warning" then
      return agent.hand_over("the endpoint would refuse them again (%s): %s", receiver.status, receiver.message)
    end
    local result, why = agent.act("stripe:redeliver_events", {
      endpoint = with.endpoint, types = with.types, since = with.since, limit = with.limit, pace = with.pace,
      skip = with.skip, stop_after_failures = with.stop_after_failures,
    })
    if not result then
      return agent.hand_over("events could not be sent again: %s", why)
    end
    if result.planned == 0 then
      return agent.leave("no event of these types waits")
    end
    if result.failed > 0 then
      return agent.hand_over("%d of %d events were sent again and arrived, %d failed", result.done, result.planned, result.failed)
    end
    if result.done == 0 then
      return agent.leave("all of them had arrived meanwhile, or were left alone after failures")
    end
    return agent.applied("%d of %d events were sent again, %d were left alone", result.done, result.planned, result.skipped)
    -- That nothing is missing any more is for webhook_deliveries to say.
  end,
}
