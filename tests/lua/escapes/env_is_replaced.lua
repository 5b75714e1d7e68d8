-- a function with an environment of its own: nothing is in it
-- expect failed: attempt to call a nil value
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local _ENV = { agent = agent }
    pairs({})
  end,
}
