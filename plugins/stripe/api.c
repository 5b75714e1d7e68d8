/*
 * api - whether the API takes our key and answers; and how close we are to being turned away.
 */
#include <inttypes.h>
#include <string.h>

#include "common/percent.h"
#include "stripe.h"

#define NEEDS STRIPE_READS("Balance")

enum { FEW = 5 }; /* requests of which no share is said */

/* Of fault_classes those that are findings; the others end the run as unknown. */
static const char *const error_classes[] = {
    "ok", "rate_limited", "locked", "outage", "network", "missing", "request", NULL};

/* ------------------------------------------------------------------ api ---- */

const struct probe_option api_options[] = {
    {"path",
     PROBE_STRING_AT(struct api_config, path),
     .fallback = "/v1/balance",
     .help = "what is asked for: something that the key may read and that costs little"},
    {0},
};

const struct probe_measure api_measures[] = {
    {"error_class", "what is wrong", .kind = PROBE_WORD, .words = error_classes},
    {"total_ms", "from the start to the last byte", .kind = PROBE_GAUGE},
    {"http_status", "the answer's", .kind = PROBE_GAUGE, .optional = true},
    {"retry_seconds",
     "when it may be asked again, if it says so",
     .kind = PROBE_GAUGE,
     .optional = true},
    ANSWER_MEASURES,
    {0},
};

static int path_refuse(const char *path, struct probe_error *error)
{
    if (strncmp(path, "/v1/", 4) == 0 || strncmp(path, "/v2/", 4) == 0)
        return 0;
    return probe_refuse(error, "path", "\"%s\" is no path of the API: /v1/balance", path);
}

int api_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct api_config *config = config_;
    (void)memory;
    return path_refuse(config->path, error);
}

static void on_answer(struct probe_run *run, const struct ask_answer *answer, void *data)
{
    const char *mode = ask_mode(run);
    const struct answer_evidence where = answer_evidence_of(answer->trail);
    char summary[120];
    (void)data;
    (void)snprintf(summary,
                   sizeof(summary),
                   "the API takes the key, and answers in %.0f ms",
                   answer->total_ms);
    probe_report(run,
                 .summary = summary,
                 .fields = PROBE_FIELDS(probe_text("error_class", "ok"),
                                        probe_real("total_ms", answer->total_ms),
                                        probe_int("http_status", 200),
                                        probe_text("request_id", answer->request_id),
                                        probe_text("mode", mode ? mode : "unknown"),
                                        ANSWER_LAST(where)));
    probe_done(run);
}

static void on_refused(struct probe_run *run, const struct fault *fault, void *data)
{
    struct probe_field fields[12 + ANSWER_FIELDS], *field = fields;
    char room[FAULT_HINT];
    (void)data;
    if (fault->class == FAULT_AUTH || fault->class == FAULT_PERMISSION ||
        fault->class == FAULT_PAGE) {
        fault_end(run, fault);
        return;
    }
    *field++ = probe_text("error_class", fault_classes[fault->class]);
    *field++ = probe_real("total_ms", fault->total_ms);
    if (fault->http_status)
        *field++ = probe_int("http_status", fault->http_status);
    if (fault->retry_ms)
        *field++ = probe_real("retry_seconds", (double)fault->retry_ms / 1000);
    if (fault->silence)
        *field++ = probe_text("network_error", fault->silence);
    field = answer_add_fields(field, fault->trail);
    if (fault->limiter)
        *field++ = probe_text("limiter", fault->limiter);
    if (*fault->type)
        *field++ = probe_text("error_type", fault->type);
    if (*fault->code)
        *field++ = probe_text("error_code", fault->code);
    if (*fault->request_id)
        *field++ = probe_text("request_id", fault->request_id);
    *field = (struct probe_field){0};
    probe_report(run, .summary = fault->text, .hint = fault_hint(fault, room), .fields = fields);
    probe_done(run);
}

void api_run(struct probe_target *self, struct probe_run *run)
{
    const struct api_config *config = run->config;
    (void)self;
    ask_start(run,
              &(const struct ask){.path = config->path,
                                  .needs = NEEDS,
                                  .once = true,
                                  .then = on_answer,
                                  .otherwise = on_refused});
}

/* ----------------------------------------------------------- rate_limit ---- */

const struct probe_option limit_options[] = {
    {"path",
     PROBE_STRING_AT(struct limit_config, path),
     .fallback = "/v1/balance",
     .help = "what is asked for"},
    {"window",
     PROBE_DURATION_AT(struct limit_config, window_ms),
     .fallback = "5m",
     .min = 60000,
     .max = 60000 * (TRAFFIC_MINUTES - 1),
     .help = "how long a 429 is remembered"},
    {"configured_rps",
     PROBE_REAL_AT(struct limit_config, configured_rps),
     .fallback = "0",
     .max = 10000,
     .help = "what each process of the application may ask a second; 0: not known"},
    {"replicas",
     PROBE_INT_AT(struct limit_config, replicas),
     .fallback = "1",
     .min = 1,
     .max = 100000,
     .help = "how many such processes there are"},
    {"limit_rps",
     PROBE_REAL_AT(struct limit_config, limit_rps),
     .fallback = "0",
     .max = 1000000,
     .help = "what Stripe grants the account; 0: 100 a second in live mode, 25 in test mode"},
    {0},
};

const struct probe_measure limit_measures[] = {
    {"count",
     "requests of this target that were turned away, in the worst minute of the window",
     .kind = PROBE_GAUGE},
    {"locked", "that met a locked object instead, in the window", .kind = PROBE_GAUGE},
    {"limiter", "which limit it was, of the last one", .kind = PROBE_WORD, .words = fault_limiters},
    {"limited_percent",
     "of this target's requests in the window, if there were five",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"used_percent",
     "configured_rps times replicas, of what Stripe grants",
     .kind = PROBE_GAUGE,
     .optional = true},
    {0},
};

int limit_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct limit_config *config = config_;
    (void)memory;
    if (config->configured_rps < 0 || config->limit_rps < 0)
        return probe_refuse(error, "configured_rps", "there is no rate below zero");
    return path_refuse(config->path, error);
}

static double granted(struct probe_run *run)
{
    const struct limit_config *config = run->config;
    const char *mode = ask_mode(run);
    if (config->limit_rps > 0)
        return config->limit_rps;
    return mode && strcmp(mode, "test") == 0 ? 25 : 100;
}

static const char *limit_hint(const char *limiter, double used)
{
    if (strcmp(limiter, "lock") == 0)
        return "a lock is no matter of the rate: find which two requests change one object";
    if (strcmp(limiter, "concurrency") == 0 || strcmp(limiter, "endpoint_concurrency") == 0)
        return "too many at a time: fewer workers, or faster requests (no long lists, fewer "
               "expands)";
    if (strcmp(limiter, "none") != 0)
        return "too many a second: lower the clients' rate, spread batches, retry with growing "
               "pauses";
    return used > 100 ? "the application may ask more than Stripe grants: lower its rate or ask "
                        "Stripe for more"
                      : NULL;
}

static void report(struct probe_run *run, const struct answer_trail *trail)
{
    const struct limit_config *config = run->config;
    const struct stripe_target *target = run->target->data;
    struct traffic_sum sum =
        traffic_sum(&target->traffic, probe_now(&run->life), (config->window_ms + 59999) / 60000);
    double grant = granted(run), asked = config->configured_rps * (double)config->replicas;
    double used = percent_of(asked, grant);
    const char *limiter =
        (sum.limited || sum.locked) && target->traffic.limiter ? target->traffic.limiter : "none";
    struct probe_field fields[10 + ANSWER_FIELDS], *field = fields;
    char summary[240];
    *field++ = probe_int("count", sum.worst);
    *field++ = probe_int("locked", sum.locked);
    *field++ = probe_text("limiter", limiter);
    if (sum.asked >= FEW)
        *field++ =
            probe_real("limited_percent", percent_of((double)sum.limited, (double)sum.asked));
    if (asked > 0) {
        *field++ = probe_real("used_percent", used);
        *field++ = probe_real("configured_rps", config->configured_rps);
        *field++ = probe_int("replicas", config->replicas);
    }
    *field++ = probe_real("limit_rps", grant);
    *field++ = probe_int("requests", sum.asked);
    if (strcmp(limiter, "none") != 0)
        *field++ = probe_text("endpoint", target->traffic.path);
    field = answer_add_fields(field, trail);
    *field = (struct probe_field){0};
    if (sum.limited || sum.locked)
        (void)snprintf(summary,
                       sizeof(summary),
                       "Stripe turned %" PRId64 " of %" PRId64
                       " requests away (%s), of %.60s the last",
                       sum.limited + sum.locked,
                       sum.asked,
                       limiter,
                       target->traffic.path);
    else if (asked > 0)
        (void)snprintf(summary,
                       sizeof(summary),
                       "Stripe turns nothing away; the application may ask %.0f of %.0f a second",
                       asked,
                       grant);
    else
        (void)snprintf(summary, sizeof(summary), "Stripe turns nothing away");
    probe_report(run, .summary = summary, .hint = limit_hint(limiter, used), .fields = fields);
    probe_done(run);
}

static void on_limit_answer(struct probe_run *run, const struct ask_answer *answer, void *data)
{
    (void)data;
    report(run, answer->trail);
}

static void on_limit_refused(struct probe_run *run, const struct fault *fault, void *data)
{
    (void)data;
    if (fault->class == FAULT_RATE_LIMITED || fault->class == FAULT_LOCKED)
        report(run, fault->trail);
    else
        fault_end(run, fault);
}

void limit_run(struct probe_target *self, struct probe_run *run)
{
    const struct limit_config *config = run->config;
    (void)self;
    ask_start(run,
              &(const struct ask){.path = config->path,
                                  .needs = NEEDS,
                                  .once = true,
                                  .then = on_limit_answer,
                                  .otherwise = on_limit_refused});
}
