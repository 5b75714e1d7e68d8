-- runbookd script test scripts/app/maintenance_mode_test.lua
local test = require "test"

local VERB, READY = "app:request", "app/inside"
local down = test.finding("app/ready")

test.case("begins", function(t)
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("maintenance_mode", down, { ready = "inside" })
  t:equal(outcome.kind, "applied")
  t:equal(outcome.message, "maintenance begins")
  t:equal(t:asked(VERB), { request = "maintenance", with = { enabled = true } })
  t:equal(#t:checked(), 0)
end)

test.case("ends when the application is well", function(t)
  t:check(READY, test.finding(READY, { status = "ok" }))
  t:answer(VERB, { planned = 1, done = 1, skipped = 0, survived = 0, failed = 0 })
  local outcome = t:run("maintenance_mode", down, { enabled = false, ready = "inside", request = "page" })
  t:equal(outcome.message, "maintenance ends")
  t:equal(t:asked(VERB), { request = "page", with = { enabled = false } })
end)

for _, status in ipairs { "warning", "critical", "unknown" } do
  test.case("lets nobody in while the application is " .. status, function(t)
    t:check(READY, test.finding(READY, { status = status, message = "db DOWN" }))
    local outcome = t:run("maintenance_mode", down, { enabled = false, ready = "inside" })
    t:equal(outcome.kind, "handed_over")
    t:match(outcome.message, "db DOWN")
    t:equal(#t:acts(), 0)
  end)
end

test.case("leaves it where it is so already", function(t)
  t:answer(VERB, { planned = 0, done = 0, skipped = 0, survived = 0, failed = 0 })
  t:equal(t:run("maintenance_mode", down, {}).kind, "left")
end)

test.case("never says that it was not done when nobody knows", function(t)
  t:fail(VERB, "sent and not answered", "lost")
  local outcome = t:run("maintenance_mode", down, {})
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "may be done")
end)

test.case("hands over when the application refuses", function(t)
  t:fail(VERB, "answered 409 Conflict", "status")
  local outcome = t:run("maintenance_mode", down, {})
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "409 Conflict")
end)

test.claims_nothing(VERB, function(t) return t:run("maintenance_mode", down, {}) end)
