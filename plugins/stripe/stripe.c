/*
 * stripe - what the Stripe plugin knows, as tables: Stripe's status and API, payments that fail or are
 * stuck, webhooks that do not arrive, and having them sent again.
 *
 * ask.c and list.c speak to the API, fault.c understands its errors, sign.c signs; the others are a
 * check each, redeliver.c the action.
 */
#include "stripe.h"

#include <inttypes.h>
#include <string.h>

#define KEY(permission) "a restricted key (rk_...) with the permission " permission

static const struct probe_check checks[] = {
    {.name = "status",
     .title = "Stripe says itself that something of it does not work",
     .since = "0.1",
     .options = status_options,
     .config_size = sizeof(struct status_config),
     .measures = status_measures,
     .every = "1m",
     .timeout = "10s",
     .warning = "impact == 'minor'",
     .critical = "one_of(impact, 'major', 'critical')",
     .needs = "nothing: the page is public; no key is sent to it",
     .asks = "GET BASE_URL/api/v2/summary.json",
     .run = status_run},
    {.name = "api",
     .title = "Stripe's API does not answer us, so nobody can pay",
     .since = "0.1",
     .options = api_options,
     .config_size = sizeof(struct api_config),
     .measures = api_measures,
     .every = "1m",
     .timeout = "10s",
     .warning = "total_ms > 2000 or one_of(error_class, 'rate_limited', 'locked', 'missing', "
                "'request')",
     .critical = "one_of(error_class, 'outage', 'network')",
     .needs = KEY("Balance: read"),
     .asks = "GET /v1/balance, or `path`; once",
     .run = api_run,
     .prepare = api_prepare},
    {.name = "payment_intent",
     .title = "this payment has not come to its end",
     .since = "0.1",
     .options = intent_options,
     .config_size = sizeof(struct intent_config),
     .measures = intent_measures,
     .every = "1m",
     .timeout = "10s",
     .warning = "state ~= 'succeeded' and (age_seconds > 900 or error_class ~= 'none')",
     .needs = KEY("PaymentIntents: read"),
     .asks = "GET /v1/payment_intents/ID",
     .run = intent_run,
     .prepare = intent_prepare},
    {.name = "payment_failure_rate",
     .title = "attempts to pay fail, and not because of the customers' cards",
     .since = "0.1",
     .options = failures_options,
     .config_size = sizeof(struct failures_config),
     .measures = failures_measures,
     .every = "1m",
     .timeout = "20s",
     .warning = "failed_percent > 2",
     .critical = "failed_percent > 5",
     .needs = KEY("Events: read"),
     .asks =
         "GET /v1/events?types[]=payment_intent.succeeded&types[]=payment_intent.payment_failed, "
         "of the window, 20 pages at most",
     .run_size = sizeof(struct failures_state),
     .run = failures_run},
    {.name = "declines",
     .title = "more cards are declined than usual",
     .since = "0.1",
     .optional = true,
     .options = declines_options,
     .config_size = sizeof(struct declines_config),
     .measures = declines_measures,
     .every = "5m",
     .timeout = "30s",
     .warning = "baseline_ratio > 2",
     .critical = "baseline_ratio > 4 or declined_percent >= 50",
     .needs = KEY("Charges and Refunds: read"),
     .asks =
         "GET /v1/charges of the window, and of the same time a `baseline` ago, 10 pages at most "
         "of each",
     .run_size = sizeof(struct declines_state),
     .run = declines_run,
     .prepare = declines_prepare},
    {.name = "rate_limit",
     .title = "Stripe turns requests of the account away",
     .since = "0.1",
     .optional = true,
     .options = limit_options,
     .config_size = sizeof(struct limit_config),
     .measures = limit_measures,
     .every = "1m",
     .timeout = "10s",
     .warning = "count >= 1 or used_percent > 100",
     .critical = "count >= 10",
     .needs = KEY("Balance: read"),
     .asks = "GET /v1/balance, or `path`; once",
     .run = limit_run,
     .prepare = limit_prepare},
    {.name = "webhook_endpoint",
     .title = "Stripe sends our events nowhere, or elsewhere",
     .since = "0.1",
     .options = endpoint_options,
     .config_size = sizeof(struct endpoint_config),
     .measures = endpoint_measures,
     .every = "5m",
     .timeout = "10s",
     .warning = "missing > 0 or not as_expected",
     .critical = "not exists or state == 'disabled'",
     .needs = KEY("Webhook Endpoints: read"),
     .asks = "GET /v1/webhook_endpoints, or /v1/webhook_endpoints/ENDPOINT",
     .run_size = sizeof(struct endpoint_state),
     .run = endpoint_run,
     .prepare = endpoint_prepare},
    {.name = "webhook_deliveries",
     .title = "Stripe's events do not reach us: payments stay open that are paid",
     .since = "0.1",
     .options = deliveries_options,
     .config_size = sizeof(struct deliveries_config),
     .measures = deliveries_measures,
     .every = "1m",
     .timeout = "20s",
     .warning = "undelivered >= 1",
     .critical = "undelivered >= 20",
     .needs = KEY("Events: read"),
     .asks = "GET /v1/events?delivery_success=false, of the window, 10 pages at most",
     .run_size = sizeof(struct deliveries_state),
     .run = deliveries_run},
    {.name = "webhook_receiver",
     .title = "our webhook takes what nobody signed, or refuses what Stripe signs",
     .since = "0.1",
     .options = receiver_options,
     .config_size = sizeof(struct receiver_config),
     .measures = receiver_measures,
     .every = "15m",
     .timeout = "20s",
     .warning = "replay_enforced == false or unsigned_status >= 500 or unsigned_status == 404 or "
                "unsigned_status == 405",
     .critical = "signature_enforced == false or signed_status < 200 or signed_status >= 300",
     .needs = "the target's `webhook_secret`, that endpoint's signing secret; no key is sent",
     .asks = "POST URL, four times: an event of the type runbookd.probe, unsigned, signed with "
             "another secret, signed an hour ago, signed now",
     .run_size = sizeof(struct receiver_state),
     .run = receiver_run,
     .prepare = receiver_prepare},
    {.name = "stuck_payments",
     .title = "payments have been open for too long",
     .since = "0.1",
     .options = stuck_options,
     .config_size = sizeof(struct stuck_config),
     .measures = stuck_measures,
     .every = "5m",
     .timeout = "60s",
     .warning = "count > 0",
     .critical = "count > 20",
     .needs = KEY("PaymentIntents: read") "; with `sql` a role that may SELECT it",
     .asks = "GET /v1/payment_intents/search?query=status:'STATE' AND created..., for each state; "
             "with `sql` that, then GET /v1/payment_intents/ID for each row",
     .memory_size = sizeof(struct stuck_memory),
     .run_size = sizeof(struct stuck_state),
     .run = stuck_run,
     .ended = stuck_ended,
     .prepare = stuck_prepare},
    {0},
};

/* --------------------------------------------------------------- actions ---- */

static const struct probe_action actions[] = {
    {.name = "redeliver_events",
     .help = "has Stripe send events again that an endpoint missed, oldest first",
     .effect = PROBE_DISRUPTIVE,
     .binds = PROBE_BINDS_ITEMS,
     .options = redeliver_options,
     .config_size = sizeof(struct redeliver_config),
     .needs = "of its own, in act_as: " KEY("Events: write and Webhook Endpoints: read"),
     .timeout = "60s",
     .run_size = sizeof(struct redeliver_state),
     .plan = redeliver_plan,
     .apply = redeliver_apply,
     .ended = redeliver_ended},
    {0},
};

/* ---------------------------------------------------------------- target ---- */

static const char *const modes[] = {"any", "live", "test", NULL};

static const struct probe_option options[] = {
    {"key",
     PROBE_SECRET_AT(struct stripe, key),
     .fallback = "",
     .help = "a restricted key, rk_...; a secret key of live mode is not used"},
    {"mode",
     PROBE_STRING_AT(struct stripe, mode),
     .fallback = "any",
     .choices = modes,
     .help = "which mode the key must be of"},
    {"webhook_secret",
     PROBE_SECRET_AT(struct stripe, webhook_secret),
     .fallback = "",
     .help = "whsec_..., the signing secret that webhook_receiver signs with"},
    {"url",
     PROBE_URL_AT(struct stripe, url),
     .fallback = "https://api.stripe.com",
     .help = "where the API is, without /v1"},
    {"api_version",
     PROBE_STRING_AT(struct stripe, version),
     .fallback = "2026-10-28.endive",
     .help = "sent as Stripe-Version with each request, whatever the account's default is"},
    {"account",
     PROBE_STRING_AT(struct stripe, account),
     .fallback = "",
     .help = "a connected account, acct_..., sent as Stripe-Account"},
    {"tls", PROBE_TLS_AT(struct stripe, tls), .fallback = "", .help = "whom to trust"},
    {"database",
     PROBE_URL_AT(struct stripe, database.url),
     .fallback = "",
     .help = "for stuck_payments with `sql`: postgres://host:5432/shop"},
    {"database_user",
     PROBE_STRING_AT(struct stripe, database.user),
     .fallback = "",
     .help = "a role that may read the payments"},
    {"database_password",
     PROBE_SECRET_AT(struct stripe, database.password),
     .fallback = "",
     .help = "its password"},
    {"database_tls",
     PROBE_PAIRS_AT(struct stripe, database.tls),
     .fallback = "",
     .help = "as `tls` of a target of type postgres"},
    {0},
};

static int create(struct probe_target *self, struct probe_error *error)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
    const struct stripe *config = self->config;
    char wrong[160];
    if (!*config->version || strspn(config->version, letters) != strlen(config->version))
        return probe_refuse(error, "api_version", "is no version: 2026-10-28.endive");
    if (config->account && *config->account && !ask_is_id(config->account, "acct_"))
        return probe_refuse(error, "account", "is no id of an account: acct_...");
    if (address_refuse_tls(config->database.tls, wrong, sizeof(wrong)))
        return probe_refuse(error, "database_tls", "%s", wrong);
    return 0;
}

struct stripe_window stripe_window(struct probe_run *run, int64_t begin_ms_ago, int64_t end_ms_ago)
{
    int64_t now = probe_wall(&run->life) / 1000;
    struct stripe_window window;
    (void)snprintf(window.from, sizeof(window.from), "%" PRId64, now - begin_ms_ago / 1000);
    (void)snprintf(window.to, sizeof(window.to), "%" PRId64, now - end_ms_ago / 1000);
    return window;
}

static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "stripe",
    .version = "1.0",
    .summary = "asks Stripe: its status, failing and stuck payments, webhooks that do not arrive",
    .options = options,
    .config_size = sizeof(struct stripe),
    .data_size = sizeof(struct stripe_target),
    .parallel = 2,
    .checks = checks,
    .actions = actions,
    .create = create,
    .destroy = wire_destroy,
};
PROBE_PLUGIN(plugin);
