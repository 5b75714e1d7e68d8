-- a text of JSON that takes long, read and written again and again
-- expect spent: it ran too long
return {
  summary = "an attempt",
  targets = { db = "postgres" },
  needs = { "db:terminate_sessions" },
  run = function(agent, finding, with)
    local text = "[" .. ("1,"):rep(30000) .. "1]"
    while true do json.encode(json.decode(text)) end
  end,
}
