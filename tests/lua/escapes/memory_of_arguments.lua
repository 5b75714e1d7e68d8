-- more values than a stack holds
-- expect spent:
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local function f(...) return f(1, ...) end
    f()
  end,
}
