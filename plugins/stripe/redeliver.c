/*
 * redeliver - redeliver_events: has Stripe send events again that one of our endpoints missed.
 *
 * By the API's own call, POST /v1/events/ID/retry with the endpoint's id, which Stripe's CLI makes as
 * well; nothing is signed or sent from here.  A plan lists ids, types and times, oldest first, and no
 * bodies.  A step looks whether its event still waits, sends it, paced, and watches whether it
 * arrives; after some in a row that did not, the others are left alone.
 *
 * What steps have in common is remembered by the target, since whoever acts is made anew after each
 * failure: "FAILED_IN_A_ROW LAST_SENT_MS".
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stripe.h"

enum { SENTENCE = 320, KEY = 2 * STRIPE_ID + 2, POLL_MS = 500 };

#define NOTE "redeliver"
#define READS STRIPE_READS("Events")
#define WRITES "Events, write"

const struct probe_option redeliver_options[] = {
    {"endpoint",
     PROBE_STRING_AT(struct redeliver_config, endpoint),
     .fallback = "",
     .help = "the endpoint that is sent to, we_...; default: the only one that is enabled"},
    {"types",
     PROBE_LIST_AT(struct redeliver_config, types),
     .fallback = "[]",
     .help = "only these: [payment_intent.*, charge.refunded]; default: all"},
    {"since",
     PROBE_DURATION_AT(struct redeliver_config, since_ms),
     .fallback = "1d",
     .min = 60000,
     .max = INT64_C(30) * 86400000,
     .help = "how old they are at most"},
    {"settle",
     PROBE_DURATION_AT(struct redeliver_config, settle_ms),
     .fallback = "5m",
     .max = INT64_C(86400000),
     .help = "younger ones are still on their way"},
    {"skip",
     PROBE_LIST_AT(struct redeliver_config, skip),
     .fallback = "[]",
     .help = "ids of events that are left alone, such as those that were dealt with by hand"},
    {"limit",
     PROBE_INT_AT(struct redeliver_config, limit),
     .fallback = "100",
     .min = 1,
     .max = 1000,
     .help = "how many at most, the oldest first"},
    {"pace",
     PROBE_RATE_AT(struct redeliver_config, pace),
     .fallback = "2/s",
     .help = "how fast: 2/s, 30/m"},
    {"watch",
     PROBE_DURATION_AT(struct redeliver_config, watch_ms),
     .fallback = "15s",
     .min = 1000,
     .max = 40000,
     .help = "how long to wait for each one's arrival"},
    {"stop_after_failures",
     PROBE_INT_AT(struct redeliver_config, stop_after),
     .fallback = "3",
     .min = 1,
     .max = 100,
     .help = "after so many in a row that did not arrive the others are left alone"},
    {0},
};

void redeliver_ended(struct probe_target *self, struct probe_run *run)
{
    struct redeliver_state *state = run->data;
    (void)self;
    json_decref(state->enabled_events);
    free(state->events);
}

static void refuse(struct probe_run *run, const char *reason, const char *summary, const char *hint)
{
    probe_end(run,
              .how = PROBE_FAILED,
              .status = -EINVAL,
              .reason = reason,
              .summary = summary,
              .hint = hint);
}

/* ------------------------------------------------------------------ plan ---- */

static bool contains(const char *const *list, const char *word)
{
    for (; list && *list; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

static void say_step(const struct redeliver_state *state, const struct redeliver_event *event,
                     char *out)
{
    char when[32];
    time_t seconds = (time_t)event->created;
    struct tm parts;
    (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &parts));
    (void)snprintf(out,
                   SENTENCE,
                   "send %.80s (%.70s of %s) to %.60s again",
                   event->id,
                   event->type,
                   when,
                   state->endpoint);
}

static void plan(struct probe_run *run)
{
    const struct redeliver_config *config = run->config;
    struct redeliver_state *state = run->data;
    size_t count = state->count < (size_t)config->limit ? state->count : (size_t)config->limit;
    char(*whats)[SENTENCE] = calloc(count + 1, sizeof(*whats)), note[SENTENCE];
    char(*keys)[KEY] = calloc(count + 1, sizeof(*keys));
    char(*jsons)[SENTENCE] = calloc(count + 1, sizeof(*jsons));
    struct probe_step *steps = calloc(count + 1, sizeof(*steps));
    if (!whats || !keys || !jsons || !steps)
        abort();
    for (size_t i = 0; i < count; i++) {
        const struct redeliver_event *event = &state->events[state->count - 1 - i];
        (void)snprintf(keys[i], KEY, "%s@%s", event->id, state->endpoint);
        (void)snprintf(jsons[i],
                       SENTENCE,
                       "{\"type\":\"%.70s\",\"created\":%" PRId64 "}",
                       event->type,
                       event->created);
        say_step(state, event, whats[i]);
        steps[i] =
            (struct probe_step){.key = keys[i], .what = whats[i], .json = jsons[i], .count = 1};
    }
    (void)snprintf(note,
                   sizeof(note),
                   "%s%s",
                   count
                       ? "the receiver must be idempotent: another endpoint's miss cannot be told "
                         "from this one's"
                       : "no event waits for this endpoint",
                   state->truncated ? "; there are more, older ones than were read" : "");
    probe_planned(
        run, .steps = steps, .step_count = count, .total = (int64_t)state->count, .note = note);
    free(whats);
    free(keys);
    free(jsons);
    free(steps);
}

/* A type goes into JSON and sentences as it is. */
static bool is_type(const char *type)
{
    size_t len = strlen(type);
    return len > 0 && len < 80 && strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789_.") == len;
}

static void on_event(struct probe_run *run, const json_t *event)
{
    const struct redeliver_config *config = run->config;
    struct redeliver_state *state = run->data;
    const char *id = list_text(event, "id"), *type = list_text(event, "type");
    if (!ask_is_id(id, "evt_") || !is_type(type) || !deliveries_wants(config->types, type) ||
        !endpoint_gets(state->enabled_events, type) || contains(config->skip, id) ||
        list_int(event, "pending_webhooks") < 1 || state->count == REDELIVER_MOST)
        return;
    struct redeliver_event *own = &state->events[state->count++];
    (void)snprintf(own->id, sizeof(own->id), "%s", id);
    (void)snprintf(own->type, sizeof(own->type), "%s", type);
    own->created = list_int(event, "created");
}

static void on_events(struct probe_run *run, bool truncated)
{
    struct redeliver_state *state = run->data;
    state->truncated = truncated;
    plan(run);
}

static void list_events(struct probe_run *run)
{
    const struct redeliver_config *config = run->config;
    struct redeliver_state *state = run->data;
    state->events = calloc(REDELIVER_MOST, sizeof(*state->events));
    if (!state->events)
        abort();
    state->window = stripe_window(run, config->since_ms, config->settle_ms);
    const struct probe_pair params[] = {{.name = "delivery_success", .value = "false"},
                                        {.name = "created[gte]", .value = state->window.from},
                                        {.name = "created[lt]", .value = state->window.to},
                                        {0}};
    list_start(run,
               &state->list,
               &(const struct list_wish){.path = "/v1/events",
                                         .needs = READS,
                                         .params = params,
                                         .most_pages = LIST_MOST_PAGES,
                                         .each = on_event,
                                         .end = on_events});
}

static void take_endpoint(struct redeliver_state *state, const json_t *endpoint)
{
    (void)snprintf(state->endpoint, sizeof(state->endpoint), "%s", list_text(endpoint, "id"));
    json_decref(state->enabled_events);
    state->enabled_events = json_incref(json_object_get(endpoint, "enabled_events"));
}

static void on_endpoint(struct probe_run *run, const struct ask_answer *answer, void *data)
{
    struct redeliver_state *state = run->data;
    (void)data;
    take_endpoint(state, answer->root);
    if (strcmp(list_text(answer->root, "status"), "enabled") != 0)
        refuse(run,
               "disabled",
               "the endpoint is disabled: Stripe sends it nothing",
               "mend the receiver, enable the endpoint in Stripe's dashboard, then plan again");
    else
        list_events(run);
}

static void on_each_endpoint(struct probe_run *run, const json_t *endpoint)
{
    struct redeliver_state *state = run->data;
    if (strcmp(list_text(endpoint, "status"), "enabled") != 0)
        return;
    take_endpoint(state, endpoint);
    state->enabled++;
}

static void on_endpoints(struct probe_run *run, bool truncated)
{
    struct redeliver_state *state = run->data;
    (void)truncated;
    if (state->enabled == 1)
        list_events(run);
    else
        refuse(run,
               "endpoint",
               state->enabled ? "several endpoints are enabled, and `endpoint` names none of them"
                              : "no endpoint is enabled: Stripe sends nothing",
               "name the one that missed events with `endpoint`; the others have had theirs");
}

void redeliver_plan(struct probe_target *self, struct probe_run *run)
{
    const struct redeliver_config *config = run->config;
    struct redeliver_state *state = run->data;
    char path[160];
    probe_remember(&self->life, NOTE, NULL);
    if (!config->endpoint || !*config->endpoint) {
        list_start(run,
                   &state->list,
                   &(const struct list_wish){.path = "/v1/webhook_endpoints",
                                             .needs = STRIPE_READS("Webhook Endpoints"),
                                             .most_pages = 2,
                                             .each = on_each_endpoint,
                                             .end = on_endpoints});
        return;
    }
    if (!ask_is_id(config->endpoint, "we_")) {
        refuse(run, "config", "`endpoint` is no id of an endpoint: we_...", NULL);
        return;
    }
    (void)snprintf(path, sizeof(path), "/v1/webhook_endpoints/%s", config->endpoint);
    ask_start(run,
              &(const struct ask){
                  .path = path, .needs = STRIPE_READS("Webhook Endpoints"), .then = on_endpoint});
}

/* ----------------------------------------------------------------- apply ---- */

struct note {
    int64_t failed, sent_ms;
};

static struct note recall(struct probe_run *run)
{
    struct note note = {0};
    const char *text = probe_recall(&run->target->life, NOTE);
    if (text && sscanf(text, "%" SCNd64 " %" SCNd64, &note.failed, &note.sent_ms) != 2)
        note = (struct note){0};
    return note;
}

static void remember(struct probe_run *run, struct note note)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "%" PRId64 " %" PRId64, note.failed, note.sent_ms);
    probe_remember(&run->target->life, NOTE, text);
}

static void count_end(struct probe_run *run, bool arrived)
{
    struct note note = recall(run);
    note.failed = arrived ? 0 : note.failed + 1;
    remember(run, note);
}

static void watch(struct probe_run *run);

static void on_refused(struct probe_run *run, const struct fault *fault, void *data)
{
    (void)data;
    count_end(run, false);
    fault_end(run, fault);
}

static void on_watched(struct probe_run *run, const struct ask_answer *answer, void *data)
{
    struct redeliver_state *state = run->data;
    (void)data;
    if (list_int(answer->root, "pending_webhooks") < state->pending) {
        count_end(run, true);
        probe_applied(run, .outcome = PROBE_APPLIED, .summary = "it was sent again, and arrived");
    } else if (probe_now(&run->life) >= state->watched_until_ms) {
        count_end(run, false);
        probe_applied(run,
                      .outcome = PROBE_SURVIVED,
                      .summary = "it was sent again, and the endpoint has not taken it so far");
    } else {
        watch(run);
    }
}

static void look(struct probe_run *run, ask_fn *then, ask_refused_fn *otherwise)
{
    const struct redeliver_state *state = run->data;
    char path[160];
    (void)snprintf(path, sizeof(path), "/v1/events/%s", state->event);
    ask_start(
        run,
        &(const struct ask){.path = path, .needs = READS, .then = then, .otherwise = otherwise});
}

static void on_poll(int status, void *data)
{
    if (status == 0)
        look(data, on_watched, on_refused);
    else
        probe_fail(data, status, "it was sent again; whether it arrived is not known");
}

static void watch(struct probe_run *run)
{
    (void)probe_timer(&run->life, POLL_MS, on_poll, run);
}

static void on_sent(struct probe_run *run, const struct ask_answer *answer, void *data)
{
    const struct redeliver_config *config = run->config;
    struct redeliver_state *state = run->data;
    state->watched_until_ms = probe_now(&run->life) + (uint64_t)config->watch_ms;
    on_watched(run, answer, data);
}

static void send(struct probe_run *run)
{
    const struct redeliver_state *state = run->data;
    struct note note = recall(run);
    char path[160], form[160], idempotency_key[300];
    note.sent_ms = probe_wall(&run->life);
    remember(run, note);
    (void)snprintf(path, sizeof(path), "/v1/events/%s/retry", state->event);
    (void)snprintf(form, sizeof(form), "webhook_endpoint=%s", state->endpoint);
    /* Of this attempt alone: what is sent on another day is another delivery. */
    (void)snprintf(idempotency_key,
                   sizeof(idempotency_key),
                   "runbookd-%s-%s-%" PRId64,
                   state->event,
                   state->endpoint,
                   note.sent_ms);
    ask_start(run,
              &(const struct ask){.path = path,
                                  .needs = WRITES,
                                  .form = form,
                                  .idempotency_key = idempotency_key,
                                  .then = on_sent,
                                  .otherwise = on_refused});
}

static void on_checked(struct probe_run *run, const struct ask_answer *answer, void *data)
{
    struct redeliver_state *state = run->data;
    (void)data;
    state->pending = list_int(answer->root, "pending_webhooks");
    if (state->pending < 1)
        probe_applied(run, .outcome = PROBE_SKIPPED, .summary = "it has arrived meanwhile");
    else
        send(run);
}

static void on_gone(struct probe_run *run, const struct fault *fault, void *data)
{
    if (fault->class == FAULT_MISSING)
        probe_applied(run,
                      .outcome = PROBE_SKIPPED,
                      .summary = "Stripe does not know this event, or not any more");
    else
        on_refused(run, fault, data);
}

static void on_turn(int status, void *data)
{
    if (status == 0)
        look(data, on_checked, on_gone);
    else
        probe_fail(data, status, "it was not sent: its turn did not come in time");
}

/* "evt_1@we_1": false where it is no key of ours. */
static bool take_key(struct redeliver_state *state, const char *key)
{
    const char *at = strchr(key, '@');
    size_t len = at ? (size_t)(at - key) : 0;
    if (!at || len >= STRIPE_ID || strlen(at + 1) >= STRIPE_ID)
        return false;
    (void)snprintf(state->event, sizeof(state->event), "%.*s", (int)len, key);
    (void)snprintf(state->endpoint, sizeof(state->endpoint), "%s", at + 1);
    return ask_is_id(state->event, "evt_") && ask_is_id(state->endpoint, "we_");
}

void redeliver_apply(struct probe_target *self, struct probe_run *run,
                     const struct probe_step *step)
{
    const struct redeliver_config *config = run->config;
    struct note note = recall(run);
    int64_t gap_ms = config->pace > 0 ? (int64_t)(1000 / config->pace) : 0;
    int64_t wait_ms = note.sent_ms + gap_ms - probe_wall(&run->life);
    (void)self;
    if (!take_key(run->data, step->key)) {
        probe_fail(run, -EINVAL, "%.100s names no event and endpoint", step->key);
    } else if (note.failed >= config->stop_after) {
        char summary[120];
        (void)snprintf(summary,
                       sizeof(summary),
                       "not sent: %" PRId64 " in a row before it did not arrive",
                       note.failed);
        probe_applied(run, .outcome = PROBE_SKIPPED, .summary = summary);
    } else if (wait_ms > 0 && wait_ms <= gap_ms) { /* a clock that was set back makes nobody wait */
        (void)probe_timer(&run->life, (uint64_t)wait_ms, on_turn, run);
    } else {
        look(run, on_checked, on_gone);
    }
}
