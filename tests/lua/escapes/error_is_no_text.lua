-- an error that is a table
-- expect failed: it raised a table
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    error({ secret = finding })
  end,
}
