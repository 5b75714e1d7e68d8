-- a pattern that takes longer than anybody lives
-- expect failed: could take too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    string.find(("a"):rep(60), ("a*"):rep(30) .. "b")
  end,
}
