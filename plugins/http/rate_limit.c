/*
 * rate_limit - how much of an API's quota is left, as its answers say themselves.
 *
 * It costs one request; where `api` or `endpoint` asks the same API already, use a cheap path here.
 */
#include <string.h>

#include "ask.h"
#include "http.h"
#include "quota.h"

const struct probe_option rate_limit_options[] = {
    {"path",
     PROBE_STRING_AT(struct rate_limit_config, path),
     .fallback = "",
     .help = "added to the target's URL; one that costs little"},
    {"method",
     PROBE_STRING_AT(struct rate_limit_config, method),
     .fallback = "GET",
     .choices = http_methods,
     .help = "of the request"},
    {"headers",
     PROBE_PAIRS_AT(struct rate_limit_config, headers),
     .fallback = "",
     .help = "sent besides the target's, or instead of those of the same name"},
    {"limit_header",
     PROBE_STRING_AT(struct rate_limit_config, names.limit),
     .fallback = "",
     .help = "where the API uses a name of its own"},
    {"remaining_header",
     PROBE_STRING_AT(struct rate_limit_config, names.remaining),
     .fallback = "",
     .help = "the same for what is left"},
    {"reset_header",
     PROBE_STRING_AT(struct rate_limit_config, names.reset),
     .fallback = "",
     .help = "the same for when there is more: seconds, or a time since 1970"},
    {0},
};

const struct probe_measure rate_limit_measures[] = {
    {"remaining_percent", "of the quota", .kind = PROBE_GAUGE, .optional = true},
    {"remaining", "requests that are left", .kind = PROBE_GAUGE, .optional = true},
    {"limit", "requests in a window", .kind = PROBE_GAUGE, .optional = true},
    {"reset_seconds", "until there is more", .kind = PROBE_GAUGE, .optional = true},
    {"http_status", "the answer's", .kind = PROBE_GAUGE},
    {"total_ms", "from the start to the last byte", .kind = PROBE_GAUGE},
    ANSWER_MEASURES,
    {0},
};

int rate_limit_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct rate_limit_config *config = config_;
    (void)memory;
    if (!http_given(config->names.remaining) &&
        (http_given(config->names.limit) || http_given(config->names.reset)))
        return probe_refuse(
            error, "remaining_header", "is missing: without it nothing is known of the quota");
    return 0;
}

static void report(struct probe_run *run, const struct quota *quota,
                   const struct probe_response *response)
{
    char summary[200], status[48];
    int code = response->code;
    struct answer_trail trail = {0};
    struct probe_field fields[8 + ANSWER_FIELDS], *field = fields;
    *field++ = probe_int("http_status", code);
    if (quota->remaining_percent >= 0)
        *field++ = probe_real("remaining_percent", quota->remaining_percent);
    if (quota->remaining >= 0)
        *field++ = probe_real("remaining", quota->remaining);
    if (quota->limit >= 0)
        *field++ = probe_real("limit", quota->limit);
    if (quota->reset_seconds >= 0)
        *field++ = probe_real("reset_seconds", quota->reset_seconds);
    *field++ = probe_text("header", quota->dialect);
    answer_follow(&trail, response);
    *field++ = probe_real("total_ms", trail.times.total);
    field = answer_add_fields(field, &trail);
    *field = (struct probe_field){0};
    ask_name_status(code, status, sizeof(status));
    if (code == 429)
        (void)snprintf(summary, sizeof(summary), "%s: the quota is used up", status);
    else if (quota->remaining >= 0 && quota->limit >= 0)
        (void)snprintf(summary,
                       sizeof(summary),
                       "%.0f of %.0f requests are left",
                       quota->remaining,
                       quota->limit);
    else if (quota->remaining >= 0)
        (void)snprintf(summary, sizeof(summary), "%.0f requests are left", quota->remaining);
    else
        (void)snprintf(
            summary, sizeof(summary), "%.0f %% of the quota are left", quota->remaining_percent);
    probe_report(run,
                 .summary = summary,
                 .hint = code == 429 ? "ask less often, or ask for a larger quota" : NULL,
                 .fields = fields);
    probe_done(run);
}

/* Nobody says how much is left; that nobody answers is for `endpoint` or `api` to grade. */
static void end_silent(struct probe_run *run, int status, const struct probe_response *response)
{
    char summary[300];
    (void)snprintf(summary,
                   sizeof(summary),
                   "no answer that could say: %.200s",
                   response->message ? response->message : strerror(-status));
    probe_end(run,
              .how = PROBE_FAILED,
              .status = status,
              .reason = answer_classes[answer_class_of(status)],
              .summary = summary);
}

static void on_answer(int status, const struct probe_response *response, void *data)
{
    struct probe_run *run = data;
    const struct rate_limit_config *config = run->config;
    struct probe_ending ending;
    char named[48], summary[200];
    if (!answer_came(status, response)) {
        if (answer_is_ours(status, response, &ending))
            answer_end(run, &ending);
        else
            end_silent(run, status, response);
        return;
    }
    struct quota quota = quota_of(response, &config->names, probe_wall(&run->life));
    ask_name_status(response->code, named, sizeof(named));
    if (quota.dialect) {
        report(run, &quota, response);
        return;
    }
    (void)snprintf(summary, sizeof(summary), "%s, which says nothing of a rate limit", named);
    if (answer_denies(response, summary, &ending))
        answer_end(run, &ending);
    else
        probe_end(run,
                  .how = response->code < 300 ? PROBE_INAPPLICABLE : PROBE_FAILED,
                  .status = -ENODATA,
                  .reason = "no_quota",
                  .summary = summary,
                  .hint =
                      "name the API's own headers: limit_header, remaining_header, reset_header");
}

void rate_limit_run(struct probe_target *self, struct probe_run *run)
{
    const struct rate_limit_config *config = run->config;
    (void)self;
    ask_start(run,
              &(const struct ask){
                  .path = config->path, .method = config->method, .headers = config->headers},
              on_answer);
}
