/*
 * deliveries - webhook_deliveries: events that did not arrive where they were sent.
 *
 * Stripe lists them itself (delivery_success=false).  What an endpoint answered it does not say, so
 * a wrong signing secret, a crash and a firewall look alike here: webhook_receiver tells them apart.
 */
#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

#include "common/age.h"
#include "stripe.h"

const struct probe_option deliveries_options[] = {
    {"window",
     PROBE_DURATION_AT(struct deliveries_config, window_ms),
     .fallback = "1h",
     .min = 60000,
     .max = INT64_C(30) * 86400000,
     .help = "how old events are at most; Stripe keeps them for 30d, and sends again for 3d"},
    {"settle",
     PROBE_DURATION_AT(struct deliveries_config, settle_ms),
     .fallback = "1m",
     .max = INT64_C(3600000),
     .help = "younger ones are still on their way"},
    {"types",
     PROBE_LIST_AT(struct deliveries_config, types),
     .fallback = "[]",
     .help = "only these: [payment_intent.*, charge.refunded]; default: all"},
    {0},
};

const struct probe_measure deliveries_measures[] = {
    {"undelivered", "events that did not arrive everywhere", .kind = PROBE_GAUGE},
    {"age_seconds", "of the oldest of them; 0: there is none", .kind = PROBE_GAUGE},
    {"truncated", "whether there are more than were read", .kind = PROBE_FLAG},
    {0},
};

bool deliveries_wants(const char *const *types, const char *type)
{
    if (!types || !*types)
        return true;
    for (; *types; types++)
        if (fnmatch(*types, type, 0) == 0)
            return true;
    return false;
}

/* They come newest first, so the last ones are the oldest, which evidence is of. */
static void on_event(struct probe_run *run, const json_t *event)
{
    const struct deliveries_config *config = run->config;
    struct deliveries_state *state = run->data;
    const char *type = list_text(event, "type");
    int64_t created = list_int(event, "created"), pending = list_int(event, "pending_webhooks");
    if (!deliveries_wants(config->types, type))
        return;
    struct deliveries_event *kept = &state->oldest_ones[state->undelivered % DELIVERIES_SAMPLE];
    (void)snprintf(kept->id, sizeof(kept->id), "%s", list_text(event, "id"));
    (void)snprintf(kept->type, sizeof(kept->type), "%s", type);
    (void)snprintf(kept->pending, sizeof(kept->pending), "%" PRId64, pending);
    (void)snprintf(kept->created, sizeof(kept->created), "%" PRId64, created * 1000);
    tally_add(&state->by_type, type, true);
    state->undelivered++;
    state->pending += pending;
    if (state->oldest == 0 || created < state->oldest)
        state->oldest = created;
}

static struct probe_field sample(struct deliveries_state *state, struct probe_table *table,
                                 const char **cells)
{
    static const struct probe_column columns[] = {{"event", PROBE_FIELD_TEXT},
                                                  {"type", PROBE_FIELD_TEXT},
                                                  {"created", PROBE_FIELD_TIME},
                                                  {"pending_webhooks", PROBE_FIELD_INT}};
    size_t count =
        state->undelivered < DELIVERIES_SAMPLE ? (size_t)state->undelivered : DELIVERIES_SAMPLE;
    for (size_t i = 0; i < count; i++) {
        size_t place = (size_t)(state->undelivered - 1 - (int64_t)i) % DELIVERIES_SAMPLE;
        const struct deliveries_event *event = &state->oldest_ones[place];
        cells[4 * i] = event->id;
        cells[4 * i + 1] = event->type;
        cells[4 * i + 2] = event->created;
        cells[4 * i + 3] = event->pending;
    }
    *table = (struct probe_table){columns, 4, cells, count, state->undelivered};
    return probe_rows("events", table);
}

static void on_end(struct probe_run *run, bool truncated)
{
    struct deliveries_state *state = run->data;
    const char *cells[DELIVERIES_SAMPLE * 4], *first = tally_first(&state->by_type);
    struct probe_table table;
    struct tally_rows by_type;
    double age = state->oldest ? (double)(probe_wall(&run->life) - state->oldest * 1000) / 1000 : 0;
    char summary[240];
    if (state->undelivered == 0)
        (void)snprintf(summary, sizeof(summary), "every event arrived");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%s%" PRId64 " event%s did not arrive, mostly %.60s, the oldest for %s",
                       truncated ? "more than " : "",
                       state->undelivered,
                       stripe_s(state->undelivered),
                       first ? first : "?",
                       age_text(age).text);
    const struct answer_evidence where = answer_evidence_of(&state->list.trail);
    probe_report(
        run,
        .summary = summary,
        .hint =
            state->undelivered
                ? "see webhook_receiver (does it take a signed event?), webhook_endpoint (is it "
                  "enabled?) and the answers in Stripe's dashboard; then redeliver_events"
                : NULL,
        .fields = PROBE_FIELDS(probe_int("undelivered", state->undelivered),
                               probe_real("age_seconds", age > 0 ? age : 0),
                               probe_bool("truncated", truncated),
                               probe_int("pending_webhooks", state->pending),
                               tally_field(&by_type, &state->by_type, "by_type", "type", NULL),
                               sample(state, &table, cells),
                               ANSWER_LAST(where)));
    probe_done(run);
}

void deliveries_run(struct probe_target *self, struct probe_run *run)
{
    const struct deliveries_config *config = run->config;
    struct deliveries_state *state = run->data;
    (void)self;
    state->window = stripe_window(run, config->window_ms, config->settle_ms);
    const struct probe_pair params[] = {{.name = "delivery_success", .value = "false"},
                                        {.name = "created[gte]", .value = state->window.from},
                                        {.name = "created[lt]", .value = state->window.to},
                                        {0}};
    list_start(run,
               &state->list,
               &(const struct list_wish){.path = "/v1/events",
                                         .needs = STRIPE_READS("Events"),
                                         .params = params,
                                         .most_pages = LIST_MOST_PAGES / 2,
                                         .each = on_event,
                                         .end = on_end});
}
