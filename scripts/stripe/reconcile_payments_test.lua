-- runbookd script test scripts/stripe/reconcile_payments_test.lua
local test = require "test"

local CHECK = "stripe/stuck_payments"
local stuck = test.finding(CHECK, { status = "warning", measures = { count = 3 } })

local function payments(...)
  local rows, missed = { ... }, 0
  for _, row in ipairs(rows) do
    if row.stripe_status == "succeeded" or row.stripe_status == "canceled" then missed = missed + 1 end
  end
  return test.finding(CHECK, { status = #rows > 0 and "warning" or "ok", measures = { count = #rows, missed = missed, missing = 0 }, evidence = { payments = rows } })
end

test.case("names what Stripe has brought to an end", function(t)
  t:check(CHECK, payments(
    { payment = "17", payment_intent = "pi_1", db_status = "pending", stripe_status = "succeeded" },
    { payment = "18", payment_intent = "pi_2", db_status = "pending", stripe_status = "processing" },
    { payment = "19", payment_intent = "pi_3", db_status = "pending", stripe_status = "canceled" }))
  local outcome = t:run("reconcile_payments", stuck)
  t:equal(outcome.kind, "handed_over")
  t:equal(outcome.message, "Stripe has brought 2 of 3 pending payments to an end; reconcile through the application: 17 succeeded (pi_1), 19 canceled (pi_3)")
  t:equal(#t:acts(), 0)
end)

test.case("names no more than it is told", function(t)
  local rows = {}
  for i = 1, 5 do rows[i] = { payment = tostring(i), payment_intent = "pi_" .. i, stripe_status = "succeeded" } end
  t:check(CHECK, payments(table.unpack(rows)))
  t:match(t:run("reconcile_payments", stuck, { limit = 2 }).message, "1 succeeded %(pi_1%), 2 succeeded %(pi_2%), %.%.%.$")
end)

test.case("leaves it where Stripe has them open as well", function(t)
  t:check(CHECK, payments({ payment = "18", payment_intent = "pi_2", stripe_status = "processing" }))
  t:equal(t:run("reconcile_payments", stuck).kind, "left")
end)

test.case("leaves it where none is stuck any more", function(t)
  t:check(CHECK, payments())
  t:equal(t:run("reconcile_payments", stuck).kind, "left")
end)

test.case("says what is missing where nothing holds them against the application", function(t)
  t:check(CHECK, test.finding(CHECK, { status = "warning", measures = { count = 2 }, evidence = { payments = {} } }))
  t:match(t:run("reconcile_payments", stuck).message, "with `sql`")
end)

test.case("hands over where it cannot be known", function(t)
  t:check(CHECK, test.finding(CHECK, { status = "unknown", message = "the key may not do this" }))
  local outcome = t:run("reconcile_payments", stuck)
  t:equal(outcome.kind, "handed_over")
  t:match(outcome.message, "the key may not do this")
end)
