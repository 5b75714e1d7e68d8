-- a variable that is closed by an endless loop
-- expect failed: a metatable with __close is not accepted
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local x <close> = setmetatable({}, { __close = function() while true do end end })
    error("now")
  end,
}
