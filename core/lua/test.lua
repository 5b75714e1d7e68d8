-- require "test": what tests of scripts are written with.  `exam` is the agent's side, see core/lua/exam.c.
--
--     local test = require "test"
--     local finding = test.finding("pg/connections", { status = "critical", measures = { used_percent = 96 } })
--     test.case("ends idle sessions and says how many", function(t)
--       t:answer("db:terminate_sessions", { planned = 12, done = 11, skipped = 1, failed = 0 })
--       local outcome = t:run("kill_idle", finding, { database = "orders" })
--       t:equal(outcome.kind, "applied")
--       t:equal(t:asked("db:terminate_sessions").older_than, "10m")
--     end)
local exam = exam
local test, case = {}, {}
case.__index = case

-- Text of a value, for messages; tables with their keys in order.
local function show(value, depth)
  if type(value) == "string" then return string.format("%q", value) end
  if type(value) ~= "table" or (depth or 0) > 4 then return tostring(value) end
  local keys, parts = {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    parts[#parts + 1] = (type(key) == "number" and "" or key .. " = ") .. show(value[key], (depth or 0) + 1)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function same(a, b, depth)
  if type(a) ~= "table" or type(b) ~= "table" or depth > 20 then return a == b end
  for key, value in pairs(a) do if not same(value, b[key], depth + 1) then return false end end
  for key in pairs(b) do if a[key] == nil then return false end end
  return true
end

-- A finding as a script gets it: of TARGET/NAME or TARGET/NAME[SUBJECT].
function test.finding(address, fields)
  local target, name, subject = address:match("^([^/]+)/([^%[]+)%[?([^%]]*)%]?$")
  if not target then error("test.finding: \"" .. address .. "\" is not TARGET/NAME", 2) end
  local finding = { target = target, name = name, status = "critical", message = address, measures = {}, words = {}, evidence = {}, labels = {} }
  if subject ~= "" then finding.subject = subject end
  for key, value in pairs(fields or {}) do finding[key] = value end
  return finding
end

-- One case, run at once; what it raises is its failure.
function test.case(name, body)
  local t = setmetatable({ answers = {}, checks = {}, outcome = nil }, case)
  local fine, why = pcall(body, t)
  exam.note(name, not fine and (type(why) == "string" and why or show(why)) or nil)
end

-- A case for each end of a plan but the good one: what `run(t)` runs, and returns, ends as agent.act(verb) does, with nothing applied.
function test.claims_nothing(verb, run)
  for _, why in ipairs { "planned", "refused", "rejected", "expired", "lost" } do
    test.case("claims nothing when the plan was " .. why, function(t)
      t:deny(verb, why)
      local outcome = run(t)
      if outcome.kind == why and outcome.applied == 0 then return end
      error(("expected %s, got %s with %d applied: %s"):format(why, outcome.kind, outcome.applied, outcome.message), 5)
    end)
  end
end

local function queue(list, key, answer)
  list[key] = list[key] or {}
  table.insert(list[key], answer)
end

-- What agent.act(verb) gives: the first call the first answer, the last one again and again.
function case:answer(verb, result) queue(self.answers, verb, { kind = "value", value = result }) end

-- ... or nil, message, code: it was tried, and failed.
function case:fail(verb, message, code) queue(self.answers, verb, { kind = "failure", message = message or "it failed", code = code or "failed" }) end

-- ... or the end of the script: planned, refused, rejected, expired or lost.
function case:deny(verb, why, message) queue(self.answers, verb, { kind = "end", ["end"] = why, message = message or why }) end

-- ... or never an answer: the script is late.
function case:hang(verb) queue(self.answers, verb, { kind = "never" }) end

-- What agent.check("role/name") gives.
function case:check(address, finding) queue(self.checks, address, { kind = "value", value = finding }) end

-- Runs a script to its end: { kind = "applied", message = "...", applied = 1, seconds = 5 }.
function case:run(script, finding, with)
  local outcome, why = exam.run { script = script, finding = finding or {}, with = with or {}, answers = self.answers, checks = self.checks }
  if not outcome then error(why, 2) end
  self.outcome = outcome
  return outcome
end

-- The arguments of the last agent.act(verb) of the last run; nil: there was none.
function case:asked(verb)
  local found
  for _, act in ipairs(self.outcome and self.outcome.acts or {}) do if act.verb == verb then found = act.args end end
  return found
end

-- All acts of the last run, { verb = ..., args = ... }; its checks, "role/name"; what it logged.
function case:acts() return self.outcome and self.outcome.acts or {} end
function case:checked() return self.outcome and self.outcome.checked or {} end
function case:logged() return self.outcome and self.outcome.logged or {} end

function case:equal(got, expected)
  if not same(got, expected, 0) then
    local said = self.outcome and self.outcome.kind .. ": " .. self.outcome.message or ""
    error("expected " .. show(expected) .. ", got " .. show(got) .. (said ~= "" and "; the script ended " .. said or ""), 2)
  end
end

function case:ok(value, message) if not value then error(message or "it is " .. tostring(value), 2) end end

function case:match(text, pattern)
  if not tostring(text):find(pattern) then error(show(text) .. " does not match " .. show(pattern), 2) end
end

return test
