-- runbookd script test scripts/pgbouncer/resume_test.lua
local test = require "test"

local VERB, SERVER = "pool:resume", "db/connect"
local paused = test.finding("pool/pools[shop/app]", { status = "warning", measures = { waiting = 12 } })
local there = test.finding("db/connect", { status = "ok", message = "lets in" })

test.case("resumes the database of the finding, whoever's pool it is of", function(t)
  t:check(SERVER, there)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("resume", paused)
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "shop is resumed: its clients go on")
  t:equal(t:asked(VERB), { database = "shop" })
end)

test.case("resumes the database that it is told", function(t)
  t:check(SERVER, there)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  t:run("resume", test.finding("pool/clients"), { database = "other" })
  t:equal(t:asked(VERB).database, "other")
end)

test.case("hands over where there is no database to speak of", function(t)
  t:match(t:run("resume", test.finding("pool/clients")).message, "names none")
  t:equal(#t:acts(), 0)
end)

for _, status in ipairs { "critical", "unknown" } do
  test.case("lets nobody on to a server that is " .. status, function(t)
    t:check(SERVER, test.finding("db/connect", { status = status, message = "starting up" }))
    local outcome = t:run("resume", paused)
    t:equal(outcome.kind, "handed_over")
    t:match(outcome.message, "starting up")
    t:equal(#t:acts(), 0)
  end)
end

test.case("leaves what is not paused", function(t)
  t:check(SERVER, there)
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("resume", paused).kind, "left")
end)

test.case("hands over when it fails", function(t)
  t:check(SERVER, there)
  t:fail(VERB, "not one of admin_users", "denied")
  t:match(t:run("resume", paused).message, "admin_users")
end)

test.claims_nothing(VERB, function(t)
  t:check(SERVER, there)
  return t:run("resume", paused)
end)
