-- recursion without end
-- expect spent: more memory
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local function f() return 1 + f() end
    f()
  end,
}
