-- runbookd script test scripts/pgbouncer/reconnect_test.lua
local test = require "test"

local VERB, SERVER = "pool:reconnect", "db/connect"
local waits = test.finding("pool/pools[shop]", { measures = { waiting = 40 } })
local there = test.finding("db/connect", { status = "ok", message = "lets in" })

test.case("reconnects while the server is there", function(t)
  t:check(SERVER, there)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("reconnect", waits, { database = "shop" })
  t:equal(outcome.kind, "applied")
  t:match(outcome.message, "^shop: server connections are opened anew")
  t:equal(t:asked(VERB), { database = "shop" })
end)

test.case("means all databases where none is named", function(t)
  t:check(SERVER, there)
  t:answer(VERB, { planned = 1, done = 20, skipped = 0, survived = 0, failed = 0 })
  t:match(t:run("reconnect", waits).message, "^all databases")
  t:equal(t:asked(VERB).database, nil)
end)

for _, status in ipairs { "warning", "critical", "unknown" } do
  test.case("throws no connection away while the server is " .. status, function(t)
    t:check(SERVER, test.finding("db/connect", { status = status, message = "refused" }))
    local outcome = t:run("reconnect", waits)
    t:equal(outcome.kind, "handed_over")
    t:match(outcome.message, "refused")
    t:equal(#t:acts(), 0)
  end)
end

test.case("leaves it where nothing was connected", function(t)
  t:check(SERVER, there)
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("reconnect", waits).kind, "left")
end)

test.case("hands over when it fails", function(t)
  t:check(SERVER, there)
  t:fail(VERB, "PgBouncer has no database shop", "error")
  t:match(t:run("reconnect", waits, { database = "shop" }).message, "no database shop")
end)

test.claims_nothing(VERB, function(t)
  t:check(SERVER, there)
  return t:run("reconnect", waits)
end)
