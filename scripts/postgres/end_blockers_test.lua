-- runbookd script test scripts/postgres/end_blockers_test.lua
local test = require "test"

local VERB, END, CHECK = "db:cancel_queries", "db:terminate_sessions", "db/blocking"
local waits = test.finding("orders-db/blocking", { measures = { waiting = 6 } })

local function look(roots, waiting)
  return test.finding("orders-db/blocking", {
    message = "6 sessions wait for a lock", measures = { waiting = waiting or 6 }, evidence = { roots = roots },
  })
end

local function root(pid, state, blocks)
  return { pid = pid, state = state, blocks = blocks, user = "shop", database = "orders" }
end

local ONE = { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 }

test.case("cancels the query that the others wait for, and no other", function(t)
  t:check(CHECK, look { root(4711, "active", 5), root(4712, "active", 1) })
  t:answer(VERB, ONE)
  local outcome = t:run("end_blockers", waits)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "made to let go: 4711 (5 waited)")
  t:equal(#t:acts(), 1)
  local asked = t:asked(VERB)
  t:equal({ asked.pid, asked.older_than, asked.most, asked.databases, asked.which }, { 4711, "30s", 1, { "orders" } })
end)

test.case("ends a session that holds the lock and does nothing", function(t)
  t:check(CHECK, look { root(4711, "idle in transaction (aborted)", 5) })
  t:answer(END, ONE)
  t:equal(t:run("end_blockers", waits).kind, "applied")
  t:equal({ t:asked(END).which, t:asked(END).pid }, { "idle_in_transaction", 4711 })
  t:equal(t:asked(VERB), nil)
end)

test.case("goes on to the next, where it may", function(t)
  t:check(CHECK, look { root(1, "active", 5), root(2, "idle in transaction", 2), root(3, "active", 1) })
  t:answer(VERB, ONE)
  t:answer(END, ONE)
  t:equal(t:run("end_blockers", waits, { limit = 2 }).message, "made to let go: 1 (5 waited), 2 (2 waited)")
end)

test.case("leaves it where nobody waits any more", function(t)
  t:check(CHECK, look({}, 0))
  t:equal(t:run("end_blockers", waits).kind, "left")
  t:equal(#t:acts(), 0)
end)

test.case("leaves it where the head has let go by itself", function(t)
  t:check(CHECK, look { root(4711, "active", 5) })
  t:answer(VERB, { planned = 1, done = 0, skipped = 1, survived = 0, failed = 0 })
  t:equal(t:run("end_blockers", waits).kind, "left")
end)

test.case("hands over where no head holds up enough", function(t)
  t:check(CHECK, look { root(4711, "active", 2) })
  t:equal(t:run("end_blockers", waits, { blocks = 3 }).kind, "handed_over")
  t:equal(#t:acts(), 0)
end)

test.case("leaves a prepared transaction to its coordinator", function(t)
  t:check(CHECK, look { root(0, nil, 5) })
  local outcome = t:run("end_blockers", waits)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "prepared transaction")
  t:equal(#t:acts(), 0)
end)

test.case("hands over a head that is spared", function(t)
  t:check(CHECK, look { root(4711, "active", 5) })
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("end_blockers", waits)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "4711 of shop makes 5 wait, and is spared")
end)

test.case("hands over a head that is still there", function(t)
  t:check(CHECK, look { root(4711, "active", 5) })
  t:answer(VERB, { planned = 1, done = 0, skipped = 0, survived = 1, failed = 0 })
  t:match(t:run("end_blockers", waits).message, "still there")
end)

test.case("hands over when it fails", function(t)
  t:check(CHECK, look { root(4711, "active", 5) })
  t:fail(VERB, "denied", "denied")
  t:match(t:run("end_blockers", waits).message, "4711 could not be made to let go: denied")
end)

test.case("asks nobody to go where the check knows nothing", function(t)
  t:check(CHECK, test.finding("orders-db/blocking", { status = "unknown", message = "hidden" }))
  t:equal(t:run("end_blockers", waits).kind, "handed_over")
  t:equal(#t:acts(), 0)
end)

test.claims_nothing(VERB, function(t)
  t:check(CHECK, look { root(4711, "active", 5) })
  return t:run("end_blockers", waits)
end)
