-- the generator of numbers is its own
-- expect left: true
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    math.randomseed(42)
    local a = math.random()
    math.randomseed(42)
    agent.leave("%s", a == math.random())
  end,
}
