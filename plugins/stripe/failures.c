/*
 * failures - payment_failure_rate: the share of attempts to pay that fail, and not for the card's sake.
 *
 * Counted are events, payment_intent.succeeded and payment_intent.payment_failed, created in a window
 * of whole seconds that ends now: each once, however often the check runs.  A declined card is the
 * customer's matter and would hide ours, so `exclude` leaves card_error out of both sides.
 */
#include <inttypes.h>
#include <string.h>

#include "common/percent.h"
#include "stripe.h"

const struct probe_option failures_options[] = {
    {"window",
     PROBE_DURATION_AT(struct failures_config, window_ms),
     .fallback = "5m",
     .min = 10000,
     .max = INT64_C(86400000),
     .help = "how far back events are counted"},
    {"min_count",
     PROBE_INT_AT(struct failures_config, min_count),
     .fallback = "20",
     .min = 1,
     .max = 1000,
     .help = "of fewer attempts no share is said"},
    {"exclude",
     PROBE_LIST_AT(struct failures_config, exclude),
     .fallback = "[card_error]",
     .help = "types of errors that count neither as failed nor at all"},
    {0},
};

const struct probe_measure failures_measures[] = {
    {"failed_percent",
     "of the attempts; absent below min_count",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"failed", "attempts that failed", .kind = PROBE_GAUGE},
    {"total", "attempts, the excluded ones not among them", .kind = PROBE_GAUGE},
    {"skipped", "attempts that `exclude` leaves out", .kind = PROBE_GAUGE},
    {"truncated", "whether only the newest events were counted", .kind = PROBE_FLAG},
    {0},
};

static bool contains(const char *const *list, const char *word)
{
    for (; list && *list; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

static void on_event(struct probe_run *run, const json_t *event)
{
    const struct failures_config *config = run->config;
    struct failures_state *state = run->data;
    const char *type = list_text(event, "type");
    const char *error = list_text(event, "data.object.last_payment_error.type");
    const char *code = list_text(event, "data.object.last_payment_error.code");
    char word[TALLY_WORD];
    if (strcmp(type, "payment_intent.succeeded") == 0) {
        state->succeeded++;
        return;
    }
    if (strcmp(type, "payment_intent.payment_failed") != 0)
        return;
    (void)snprintf(word, sizeof(word), "%.30s%s%.60s", error, *code ? "/" : "", code);
    tally_add(&state->by_error, word, true);
    if (contains(config->exclude, error)) {
        state->skipped++;
        return;
    }
    state->failed++;
    if (state->sampled == FAILURES_SAMPLE)
        return;
    struct failures_payment *payment = &state->sample[state->sampled++];
    (void)snprintf(
        payment->intent, sizeof(payment->intent), "%s", list_text(event, "data.object.id"));
    (void)snprintf(payment->error, sizeof(payment->error), "%s", error);
}

static void say(const struct failures_state *state, int64_t total, bool enough, char *out,
                size_t room)
{
    size_t len;
    if (total == 0)
        len = (size_t)snprintf(out, room, "nobody tried to pay");
    else
        len = (size_t)snprintf(out,
                               room,
                               "%" PRId64 " of %" PRId64 " attempts to pay failed%s",
                               state->failed,
                               total,
                               enough ? "" : ", too few to say a share");
    if (state->skipped && len < room)
        (void)snprintf(out + len,
                       room - len,
                       "; %" PRId64 " more are not counted (`exclude`)",
                       state->skipped);
}

static void on_end(struct probe_run *run, bool truncated)
{
    const struct failures_config *config = run->config;
    struct failures_state *state = run->data;
    static const struct probe_column columns[] = {{"payment_intent", PROBE_FIELD_TEXT},
                                                  {"error", PROBE_FIELD_TEXT}};
    const char *cells[2 * FAILURES_SAMPLE];
    int64_t total = state->succeeded + state->failed;
    bool enough = total >= config->min_count;
    struct tally_rows by_error;
    struct probe_field fields[10 + ANSWER_FIELDS], *field = fields;
    char summary[200];
    for (size_t i = 0; i < state->sampled; i++) {
        cells[2 * i] = state->sample[i].intent;
        cells[2 * i + 1] = state->sample[i].error;
    }
    const struct probe_table sample = {columns, 2, cells, state->sampled, state->failed};
    say(state, total, enough, summary, sizeof(summary));
    *field++ = probe_int("failed", state->failed);
    *field++ = probe_int("total", total);
    if (enough)
        *field++ = probe_real("failed_percent", percent_of((double)state->failed, (double)total));
    *field++ = probe_int("skipped", state->skipped);
    *field++ = probe_bool("truncated", truncated);
    *field++ = probe_int("succeeded", state->succeeded);
    *field++ = probe_text("source", "events");
    *field++ = tally_field(&by_error, &state->by_error, "by_error_type", "error", NULL);
    *field++ = probe_rows("failed_payments", &sample);
    field = answer_add_fields(field, &state->list.trail);
    *field = (struct probe_field){0};
    probe_report(run,
                 .summary = summary,
                 .hint = state->failed ? "api_error and rate limits are Stripe's or ours, "
                                         "invalid_request_error is our code's: compare `status`, "
                                         "`rate_limit` and the last deployment"
                                       : NULL,
                 .fields = fields);
    probe_done(run);
}

void failures_run(struct probe_target *self, struct probe_run *run)
{
    const struct failures_config *config = run->config;
    struct failures_state *state = run->data;
    (void)self;
    state->window = stripe_window(run, config->window_ms, 0);
    const struct probe_pair params[] = {
        {.name = "types[0]", .value = "payment_intent.succeeded"},
        {.name = "types[1]", .value = "payment_intent.payment_failed"},
        {.name = "created[gte]", .value = state->window.from},
        {.name = "created[lt]", .value = state->window.to},
        {0}};
    list_start(run,
               &state->list,
               &(const struct list_wish){.path = "/v1/events",
                                         .needs = STRIPE_READS("Events"),
                                         .params = params,
                                         .most_pages = LIST_MOST_PAGES,
                                         .each = on_event,
                                         .end = on_end});
}
