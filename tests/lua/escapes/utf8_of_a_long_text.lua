-- a C function over a long text, again and again
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local s = ("x"):rep(65536)
    while true do utf8.len(s) s:upper() s:reverse() s:byte(1, 100) end
  end,
}
