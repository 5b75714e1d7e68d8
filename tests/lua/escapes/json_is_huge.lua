-- JSON that is larger than what it is parsed into may be
-- expect failed: longer than 256 KiB
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    json.decode("[" .. ("1,"):rep(65536) .. ("1,"):rep(65536) .. ("1,"):rep(65536) .. "1]")
  end,
}
