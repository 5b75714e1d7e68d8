-- a table that grows
-- expect spent: more memory
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local t = {}
    while true do t[#t + 1] = { #t } end
  end,
}
