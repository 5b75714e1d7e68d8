-- an endless loop in a metamethod that a C function calls
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    tostring(setmetatable({}, { __tostring = function() while true do end end }))
  end,
}
