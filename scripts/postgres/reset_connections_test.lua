-- runbookd script test scripts/postgres/reset_connections_test.lua
local test = require "test"

local VERB, CHECK = "db:terminate_sessions", "db/connections"

local function used(percent)
  return test.finding("orders-db/connections", { measures = { used = percent, usable = 100, used_percent = percent + 0.0 } })
end

local function ended(planned, done)
  return { planned = planned, done = done, skipped = planned - done, survived = 0, failed = 0 }
end

test.case("ends a batch, looks, and stops as soon as there is room", function(t)
  t:check(CHECK, used(98))
  t:check(CHECK, used(88))
  t:check(CHECK, used(78))
  t:answer(VERB, ended(10, 10))
  local outcome = t:run("reset_connections", used(98), { database = "orders" })
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "20 sessions ended, 78 % are used")
  t:equal({ #t:acts(), outcome.seconds }, { 2, 10.0 })
  local asked = t:asked(VERB)
  t:equal({ asked.which, asked.older_than, asked.most, asked.databases }, { "idle", "1m", 10, { "orders" } })
end)

test.case("goes on to those idle in a transaction when no idle one is left", function(t)
  t:check(CHECK, used(98))
  t:check(CHECK, used(95))
  t:check(CHECK, used(75))
  t:answer(VERB, ended(3, 3))
  t:answer(VERB, ended(5, 5))
  local outcome = t:run("reset_connections", used(98))
  t:equal(outcome.message, "8 sessions ended, 75 % are used")
  t:equal({ t:acts()[1].args.which, t:acts()[2].args.which, t:acts()[2].args.older_than }, { "idle", "idle_in_transaction", "5m" })
end)

test.case("ends no more than its share, however full it stays", function(t)
  t:check(CHECK, used(98))
  t:answer(VERB, ended(10, 10))
  t:answer(VERB, ended(4, 4))
  local outcome = t:run("reset_connections", used(98), { share = 15 })
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "^14 sessions ended, ")
  t:equal(t:asked(VERB).most, 4)
end)

test.case("touches no query unless it is told to", function(t)
  t:check(CHECK, used(98))
  t:answer(VERB, ended(0, 0))
  local outcome = t:run("reset_connections", used(98))
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "none is left that may be")
  for _, act in ipairs(t:acts()) do t:ok(act.args.which ~= "active", "a query was touched") end
  t:run("reset_connections", used(98), { grades = { "active" } })
  t:equal({ t:asked(VERB).which, t:asked(VERB).older_than }, { "active", "10m" })
end)

test.case("hands over a grade that it does not know, before anything is done", function(t)
  t:match(t:run("reset_connections", used(98), { grades = { "idle", "all" } }).message, "\"all\"")
  t:equal(#t:acts(), 0)
end)

test.case("leaves a server alone that has room by now", function(t)
  t:check(CHECK, used(79))
  t:equal(t:run("reset_connections", used(98)).kind, "left")
  t:equal(#t:acts(), 0)
end)

test.case("does nothing blindly", function(t)
  t:check(CHECK, test.finding("orders-db/connections", { status = "unknown", message = "no login" }))
  t:match(t:run("reset_connections", used(98)).message, "db/connections is not known: no login")
  t:equal(#t:acts(), 0)
end)

test.case("says how far it came when it fails", function(t)
  t:check(CHECK, used(98))
  t:answer(VERB, ended(10, 10))
  t:fail(VERB, "the connection broke", "reset")
  local outcome = t:run("reset_connections", used(98))
  t:equal(outcome.kind, "handed_over")
  t:equal(outcome.message, "10 sessions ended, then no more: the connection broke")
end)

test.claims_nothing(VERB, function(t)
  t:check(CHECK, used(98))
  return t:run("reset_connections", used(98))
end)
