-- a generic for whose closing value never ends
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local mt = {}
    local closing = setmetatable({}, mt)
    mt.__close = function() while true do end end
    for _ in next, { 1 }, nil, closing do break end
  end,
}
