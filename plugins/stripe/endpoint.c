/*
 * endpoint - webhook_endpoint: whether Stripe has our endpoints as they should be.
 *
 * Stripe disables an endpoint that fails for days, and says so by mail only.  That it fails now is
 * not seen here: events that do not arrive are (webhook_deliveries).
 */
#include <stdlib.h>
#include <string.h>

#include "common/http/answer.h"
#include "stripe.h"

#define NEEDS STRIPE_READS("Webhook Endpoints")

static const char *const states[] = {"enabled", "disabled", NULL};

const struct probe_option endpoint_options[] = {
    {"endpoint",
     PROBE_STRING_AT(struct endpoint_config, endpoint),
     .fallback = "",
     .help = "its id, we_...; default: all of the account's, a subject each"},
    {"url",
     PROBE_STRING_AT(struct endpoint_config, url),
     .fallback = "",
     .help = "where it should point to, to the letter; needs `endpoint`"},
    {"events",
     PROBE_LIST_AT(struct endpoint_config, events),
     .fallback = "[]",
     .help = "types that it must be sent: [payment_intent.succeeded]; needs `endpoint`"},
    {0},
};

const struct probe_measure endpoint_measures[] = {
    {"exists", "whether there is such an endpoint", .kind = PROBE_FLAG},
    {"state", "what Stripe calls it", .kind = PROBE_WORD, .words = states, .optional = true},
    {"missing", "expected types of events that it is not sent", .kind = PROBE_GAUGE},
    {"as_expected", "whether it points to `url`", .kind = PROBE_FLAG},
    {0},
};

int endpoint_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct endpoint_config *config = config_;
    bool one = config->endpoint && *config->endpoint;
    (void)memory;
    if (one && !ask_is_id(config->endpoint, "we_"))
        return probe_refuse(
            error, "endpoint", "\"%s\" is no id of an endpoint: we_...", config->endpoint);
    if (!one && config->url && *config->url)
        return probe_refuse(error, "url", "of which endpoint? name it with `endpoint`");
    if (!one && config->events && *config->events)
        return probe_refuse(error, "events", "of which endpoint? name it with `endpoint`");
    return 0;
}

bool endpoint_gets(const json_t *enabled_events, const char *type)
{
    size_t place;
    json_t *event;
    json_array_foreach(enabled_events, place, event) {
        const char *word = json_string_value(event);
        if (word && (strcmp(word, "*") == 0 || strcmp(word, type) == 0))
            return true;
    }
    return false;
}

static int64_t count_missing(const struct endpoint_config *config, const json_t *enabled,
                             const char **ret_first)
{
    int64_t missing = 0;
    for (const char *const *type = config->events; type && *type; type++) {
        if (endpoint_gets(enabled, *type))
            continue;
        *ret_first = missing ? *ret_first : *type;
        missing++;
    }
    return missing;
}

static void report(struct probe_run *run, const json_t *endpoint, const struct answer_trail *trail)
{
    const struct answer_evidence where = answer_evidence_of(trail);
    const struct endpoint_config *config = run->config;
    const json_t *enabled = json_object_get(endpoint, "enabled_events");
    const char *url = list_text(endpoint, "url"), *first = NULL;
    bool one = config->endpoint && *config->endpoint;
    bool on = strcmp(list_text(endpoint, "status"), "enabled") == 0;
    bool there = !config->url || !*config->url || strcmp(config->url, url) == 0;
    int64_t missing = count_missing(config, enabled, &first);
    char shown[240], summary[400];
    char *events = json_dumps(enabled ? enabled : json_null(), JSON_COMPACT | JSON_ENCODE_ANY);
    answer_show_url(url, shown, sizeof(shown));
    if (!on)
        (void)snprintf(summary, sizeof(summary), "the endpoint is disabled: %s", shown);
    else if (!there)
        (void)snprintf(summary, sizeof(summary), "the endpoint points elsewhere: %s", shown);
    else if (missing)
        (void)snprintf(summary,
                       sizeof(summary),
                       "the endpoint is not sent %.80s%s",
                       first,
                       missing > 1 ? ", nor others" : "");
    else
        (void)snprintf(summary, sizeof(summary), "the endpoint is enabled: %s", shown);
    probe_report(
        run,
        .subject = one ? NULL : list_text(endpoint, "id"),
        .summary = fault_sentence(summary),
        .hint =
            on ? missing || !there ? "correct it in Stripe's dashboard, Developers, Webhooks" : NULL
               : "Stripe disables what has failed for days: mend the receiver, enable the "
                 "endpoint, then redeliver what it missed",
        .fields = PROBE_FIELDS(probe_bool("exists", true),
                               probe_text("state", states[on ? 0 : 1]),
                               probe_int("missing", missing),
                               probe_bool("as_expected", there),
                               probe_text("endpoint", list_text(endpoint, "id")),
                               probe_text("url", shown),
                               probe_text("api_version", list_text(endpoint, "api_version")),
                               probe_json("enabled_events", events ? events : "[]"),
                               ANSWER_LAST(where)));
    free(events);
}

static void report_none(struct probe_run *run, enum probe_status status, const char *summary,
                        const char *hint, const struct answer_trail *trail)
{
    const struct answer_evidence where = answer_evidence_of(trail);
    probe_report(run,
                 .status = status,
                 .summary = summary,
                 .hint = hint,
                 .fields = PROBE_FIELDS(probe_bool("exists", false),
                                        probe_int("missing", 0),
                                        probe_bool("as_expected", status == PROBE_OK),
                                        ANSWER_LAST(where)));
    probe_done(run);
}

/* --------------------------------------------------------------- answers ---- */

static void on_one(struct probe_run *run, const struct ask_answer *answer, void *data)
{
    (void)data;
    report(run, answer->root, answer->trail);
    probe_done(run);
}

static void on_refused(struct probe_run *run, const struct fault *fault, void *data)
{
    const struct endpoint_config *config = run->config;
    char summary[160];
    (void)data;
    if (fault->class != FAULT_MISSING) {
        fault_end(run, fault);
        return;
    }
    (void)snprintf(summary, sizeof(summary), "Stripe has no endpoint %.100s", config->endpoint);
    report_none(run,
                PROBE_GRADED,
                summary,
                "it was deleted, or is of another account or mode than the key",
                fault->trail);
}

static void on_each(struct probe_run *run, const json_t *endpoint)
{
    const struct endpoint_state *state = run->data;
    report(run, endpoint, &state->list.trail);
}

static void on_end(struct probe_run *run, bool truncated)
{
    const struct endpoint_state *state = run->data;
    (void)truncated; /* an account has 16 of them at most */
    if (state->list.count == 0)
        report_none(run, PROBE_OK, "the account has no webhook endpoint", NULL, &state->list.trail);
    else
        probe_done(run);
}

void endpoint_run(struct probe_target *self, struct probe_run *run)
{
    const struct endpoint_config *config = run->config;
    struct endpoint_state *state = run->data;
    char path[160];
    (void)self;
    if (config->endpoint && *config->endpoint) {
        (void)snprintf(path, sizeof(path), "/v1/webhook_endpoints/%s", config->endpoint);
        ask_start(run,
                  &(const struct ask){
                      .path = path, .needs = NEEDS, .then = on_one, .otherwise = on_refused});
        return;
    }
    list_start(run,
               &state->list,
               &(const struct list_wish){.path = "/v1/webhook_endpoints",
                                         .needs = NEEDS,
                                         .most_pages = 2,
                                         .each = on_each,
                                         .end = on_end});
}
