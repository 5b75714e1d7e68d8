-- an error in the handler of an error in the handler (CVE-2022-33099)
-- expect failed: C stack overflow
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local function f(e) return xpcall(error, f, e) end
    local fine, why = xpcall(error, f, ("x"):rep(5000))
    agent.leave("error")
  end,
}
