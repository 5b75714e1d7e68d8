-- recursion through C functions
-- expect failed: stack overflow
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local function f() return (string.gsub("a", "a", f)) end
    f()
  end,
}
