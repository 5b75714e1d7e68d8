---@type runbookd.Script
-- Ends the sessions of users whose login was stolen, or all that began before a moment, and leaves everything else in place.
-- What a session held is gone with it: secure the evidence first.
local interlock = require "interlock"

return {
  summary = "end the sessions of named users, or those that began before a moment",
  expects = { plugin = "redis" },
  targets = { sessions = "redis" },
  needs   = { "sessions:revoke_sessions" },
  with = {
    pattern    = { "string", required = true, help = "which keys are sessions: \"sess:*\", or \"session:{user}:*\" with the user in it" },
    users      = { "list", default = {}, help = "whose, by id; none: everybody's, with older_than or everybody" },
    user_in    = { "string", default = "key", help = "where the user's id is: key, hash:FIELD, json:MEMBER" },
    older_than = { "duration", help = "only those that began longer ago; with lifetime" },
    lifetime   = { "duration", help = "the time to live of a session that has just begun" },
    everybody  = { "boolean", default = false, help = "all sessions of all users" },
    limit      = { "integer", default = 10000, min = 1, max = 10000000, help = "how many at most" },
    latency    = { "string", default = "latency", help = "the check that says whether Redis has time for it" },
  },
  deadline = "10m",

  run = function(agent, _, with)
    if #with.users == 0 and not with.older_than and not with.everybody then
      return agent.hand_over("whose sessions? name with.users, with.older_than, or say with.everybody")
    end
    local speed = interlock.look(agent, "sessions/" .. with.latency)
    if speed.status == "critical" then
      return agent.hand_over("Redis is too slow to be searched: %s", speed.message)
    end
    local result, why = agent.act("sessions:revoke_sessions", {
      pattern = with.pattern, users = with.users, user_in = with.user_in, older_than = with.older_than,
      lifetime = with.lifetime, everybody = with.everybody, max_keys = with.limit,
    })
    if not result then
      return agent.hand_over("sessions could not be ended: %s", why)
    end
    if result.failed > 0 then
      return agent.hand_over("%d of %d sessions were ended, the others may go on", result.done, result.planned)
    end
    if result.done == 0 then
      return agent.leave("there is no such session")
    end
    if result.done >= with.limit then
      return agent.hand_over("%d sessions were ended, as many as may be: there may be more", result.done)
    end
    return agent.applied("%d sessions were ended", result.done)
  end,
}
