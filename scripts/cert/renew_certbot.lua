---@type runbookd.Script
-- Has certbot, or whatever program the target declares below `renewal`, renew a certificate that will soon be of no use.
-- The plan rehearses it (certbot's --dry-run); whether it has helped is for `verify` to say, by cert.endpoint or cert.file.
return {
  summary = "renew a certificate by the program that its target declares",
  expects = { plugin = "cert" },
  targets = { cert = "cert" },
  needs   = { "cert:renew" },
  with = {
    unless_days_left = { "integer", default = 30, min = 1, max = 365, help = "one that is good for longer is left alone" },
  },
  deadline = "25m",

  run = function(agent, finding, with)
    local days = finding and finding.measures and finding.measures.days_left
    if days and days > with.unless_days_left then
      return agent.leave("it is good for %d days, so that it is not its age", days)
    end
    local result, why = agent.act("cert:renew", {})
    if not result then
      return agent.hand_over("it could not be renewed: %s", why)
    end
    if result.done == 0 then
      return agent.hand_over("it was not renewed: nothing was run")
    end
    return agent.applied("its program has renewed it")
  end,
}
