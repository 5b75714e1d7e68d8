-- a coroutine, of which a hook would know nothing
-- expect failed: attempt to index a nil value
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    coroutine.wrap(function() while true do end end)()
  end,
}
