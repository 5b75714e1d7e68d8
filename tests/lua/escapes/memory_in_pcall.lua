-- the same, begun again after each lack of memory
-- expect spent:
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    while true do pcall(function() local t = {} while true do t[#t + 1] = { #t } end end) end
  end,
}
