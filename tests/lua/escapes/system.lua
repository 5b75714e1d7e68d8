-- what reaches the system
-- expect left: none of io os debug package load loadfile dofile loadstring coroutine collectgarbage print warn rawset
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local found = {}
    local names = { "io", "os", "debug", "package", "load", "loadfile", "dofile", "loadstring", "coroutine", "collectgarbage", "print", "warn", "rawset" }
    for _, name in ipairs(names) do if _G[name] ~= nil then found[#found + 1] = name end end
    assert(#found == 0, table.concat(found, " "))
    agent.leave("none of %s", table.concat(names, " "))
  end,
}
