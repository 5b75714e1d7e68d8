/*
 * api - somebody else's API: whether it answers, and what its error codes mean for us.
 *
 * One request; the body counts, whatever the status: some APIs answer 200 with an error in it.  What
 * is left of the quota is read from the same answer, so that asking for it costs nothing more.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ask.h"
#include "http.h"
#include "judge.h"
#include "vendor.h"

enum { MOST_BODY = 64 << 10 }; /* read on the loop: more of it would take long to parse */

const struct probe_option api_options[] = {
    {"path",
     PROBE_STRING_AT(struct api_config, path),
     .fallback = "",
     .help = "added to the target's URL: one that needs the login and costs little"},
    {"method",
     PROBE_STRING_AT(struct api_config, method),
     .fallback = "GET",
     .choices = http_methods,
     .help = "of the request"},
    {"headers",
     PROBE_PAIRS_AT(struct api_config, headers),
     .fallback = "",
     .help = "sent besides the target's, or instead of those of the same name"},
    {"json",
     PROBE_JSON_AT(struct api_config, json),
     .fallback = "",
     .help = "sent as the body: {query: ...}"},
    {"vendor",
     PROBE_STRING_AT(struct api_config, vendor),
     .fallback = "auto",
     .choices = vendor_names,
     .help = "whose error codes they are; auto: by the URL's host"},
    {"codes",
     PROBE_PAIRS_AT(struct api_config, codes),
     .fallback = "",
     .help = "codes of your own: {E1042: token, \"7\": rate_limited}"},
    {"expect_json",
     PROBE_PAIRS_AT(struct api_config, expect_json),
     .fallback = "",
     .help = "values that the body must hold: {\"items[0].id\": present}"},
    {0},
};

const struct probe_measure api_measures[] = {
    {"error_class", "what is wrong", .kind = PROBE_WORD, .words = vendor_classes},
    {"total_ms", "from the start to the last byte", .kind = PROBE_GAUGE},
    {"http_status", "the answer's", .kind = PROBE_GAUGE, .optional = true},
    {"remaining_percent", "of the quota, if it says so", .kind = PROBE_GAUGE, .optional = true},
    {"retry_seconds",
     "when it may be asked again, if it says so",
     .kind = PROBE_GAUGE,
     .optional = true},
    ANSWER_MEASURES,
    {0},
};

int api_prepare(const void *config_, void *memory_, struct probe_error *error)
{
    const struct api_config *config = config_;
    struct api_memory *memory = memory_;
    const struct probe_pair *wrong;
    if (!vendor_map_is(config->codes, &wrong))
        return probe_refuse(error,
                            "codes",
                            "%s: \"%s\" is no class; known are ok, rate_limited, token, request, "
                            "outage, network, body",
                            wrong->name,
                            wrong->value ? wrong->value : "");
    memory->judge =
        judge_create(&(const struct judge_wants){.expect_json = config->expect_json}, error);
    return memory->judge ? 0 : -EINVAL;
}

void api_forget(void *memory_)
{
    struct api_memory *memory = memory_;
    judge_drop(memory->judge);
    memory->judge = NULL;
}

/* -------------------------------------------------------------- finding ---- */

static const char *hint_of(enum vendor_class class)
{
    static const char *const hints[] = {
        [VENDOR_RATE_LIMITED] = "ask less often: whoever uses the same login shares its quota",
        [VENDOR_TOKEN] = "renew the login, or let it read what is asked for",
        [VENDOR_REQUEST] = "compare the path and its parameters with the API's own manual: paths "
                           "are retired",
        [VENDOR_OUTAGE] = "see the vendor's status page; nothing of ours repairs this",
        [VENDOR_NETWORK] = "see whether anything else answers from here",
        [VENDOR_BODY] = "compare what came with `expect_json`",
    };
    return hints[class];
}

/* `status` is the request's: below zero where no answer came. */
static void report(struct probe_run *run, const struct vendor_says *says, int status,
                   const struct probe_response *response)
{
    struct quota quota =
        quota_of(response, &(const struct quota_names){NULL}, probe_wall(&run->life));
    char summary[480], named[48], snippet[ANSWER_SNIPPET + 1] = "";
    struct probe_field fields[9 + ANSWER_FIELDS], *field = fields;
    struct answer_trail trail = {0};
    *field++ = probe_text("error_class", vendor_classes[says->class]);
    *field++ = probe_real("total_ms", (double)response->us.total / 1000.0);
    if (response->code)
        *field++ = probe_int("http_status", response->code);
    if (quota.remaining_percent >= 0)
        *field++ = probe_real("remaining_percent", quota.remaining_percent);
    if (quota.retry_seconds >= 0)
        *field++ = probe_real("retry_seconds", quota.retry_seconds);
    answer_follow(&trail, response);
    field = answer_add_fields(field, &trail);
    if (says->class == VENDOR_NETWORK && status < 0)
        *field++ = probe_text("network_error", answer_classes[answer_class_of(status)]);
    if (*says->code)
        *field++ = probe_text("vendor_code", says->code);
    if (says->class != VENDOR_OK && response->body_len > 0) {
        answer_snippet(response->body, response->body_len, snippet);
        ask_scrub(run, snippet);
        *field++ = probe_text("body", snippet);
    }
    *field = (struct probe_field){0};
    ask_name_status(response->code, named, sizeof(named));
    if (!response->code)
        (void)snprintf(summary, sizeof(summary), "no answer: %.300s", says->message);
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%s%s%s%s%.200s",
                       named,
                       *says->code ? ", code " : "",
                       says->code,
                       *says->message ? ": " : "",
                       says->message);
    for (size_t end = strlen(summary); end > 0 && summary[end - 1] == '.'; end--)
        summary[end - 1] = '\0';
    ask_scrub(run, summary);
    probe_report(run, .summary = summary, .hint = hint_of(says->class), .fields = fields);
    probe_done(run);
}

/* The vendor has no complaint: is it what was asked for? */
static void judge(const struct api_memory *memory, const struct probe_response *response,
                  struct vendor_says *says)
{
    struct judge_verdict verdict;
    if (!judge_cares(memory->judge, NULL))
        return;
    verdict = judge_body(memory->judge, response->body, response->body_len, NULL, NULL);
    if (verdict.class == ANSWER_OK)
        return;
    says->class = VENDOR_BODY;
    (void)snprintf(says->message, sizeof(says->message), "%.190s", verdict.why);
}

static void on_answer(int status, const struct probe_response *response, void *data)
{
    struct probe_run *run = data;
    const struct http_config *target = run->target->config;
    const struct api_config *config = run->config;
    struct vendor_says says = {.class = VENDOR_NETWORK};
    struct probe_ending ending;
    if (!answer_came(status, response)) {
        if (answer_is_ours(status, response, &ending)) {
            answer_end(run, &ending);
            return;
        }
        (void)snprintf(says.message, sizeof(says.message), "%s", response->message);
        report(run, &says, status, response);
        return;
    }
    json_t *body = json_loadb(response->body, response->body_len, 0, NULL);
    says = vendor_of(config->vendor, target->url->host, response->code, body, config->codes);
    json_decref(body);
    if (says.class == VENDOR_OK)
        judge(run->memory, response, &says);
    report(run, &says, 0, response);
}

void api_run(struct probe_target *self, struct probe_run *run)
{
    const struct api_config *config = run->config;
    (void)self;
    ask_start(
        run,
        &(const struct ask){.path = config->path,
                            .method = http_given(config->json) && strcmp(config->method, "GET") == 0
                                          ? "POST"
                                          : config->method,
                            .headers = config->headers,
                            .body = config->json,
                            .max_body = MOST_BODY},
        on_answer);
}
