-- the same, past what setmetatable looks at, in the midst of a sort
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local mt = {}
    local x <close> = (function()
      local t = setmetatable({}, mt)
      mt.__close = function() while true do pcall(function() while true do end end) end end
      return t
    end)()
    table.sort({ 3, 2, 1 }, function() while true do end end)
  end,
}
