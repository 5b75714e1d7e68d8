-- what is behind read-only globals
-- expect left: math true
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local names = {}
    for name, value in pairs(_G) do names[name] = value end
    agent.leave("math %s", names.math == math)
  end,
}
