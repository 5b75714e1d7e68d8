/*
 * endpoint - one request, and whether the answer is as it should be: in time, status, body.
 */
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "http.h"
#include "judge.h"

/* ------------------------------------------------------------- options ---- */

const struct probe_option endpoint_options[] = {
    {"path",
     PROBE_STRING_AT(struct endpoint_config, path),
     .fallback = "",
     .help = "added to the target's URL: /health/ready"},
    {"method",
     PROBE_STRING_AT(struct endpoint_config, method),
     .fallback = "GET",
     .choices = http_methods,
     .help = "HEAD is often not implemented: GET sees what clients see"},
    {"headers",
     PROBE_PAIRS_AT(struct endpoint_config, headers),
     .fallback = "",
     .help = "sent besides the target's, or instead of those of the same name"},
    {"body",
     PROBE_STRING_AT(struct endpoint_config, body),
     .fallback = "",
     .help = "sent with the request; as application/json if it begins with { or ["},
    {"json",
     PROBE_JSON_AT(struct endpoint_config, json),
     .fallback = "",
     .help = "the same, written as YAML: {user: probe}"},
    {"expect",
     PROBE_LIST_AT(struct endpoint_config, expect),
     .fallback = "[2xx]",
     .help = "statuses that are fine: 200, 2xx, 200-299"},
    {"expect_headers",
     PROBE_PAIRS_AT(struct endpoint_config, expect_headers),
     .fallback = "",
     .help = "extended regular expressions that headers must match: {Content-Type: ^text/html}"},
    {"expect_json",
     PROBE_PAIRS_AT(struct endpoint_config, expect_json),
     .fallback = "",
     .help =
         "values that the body must hold: {status: UP, \"jobs[0].lag\": \"< 60\", error: absent}"},
    {"health",
     PROBE_BOOL_AT(struct endpoint_config, health),
     .fallback = "true",
     .help = "whether a service's own word on its health counts (Spring Boot, health+json, ...)"},
    {"body_matches",
     PROBE_STRING_AT(struct endpoint_config, body_matches),
     .fallback = "",
     .help = "an extended regular expression (POSIX) that the body must match"},
    {"body_lacks",
     PROBE_STRING_AT(struct endpoint_config, body_lacks),
     .fallback = "",
     .help = "one that it must not match"},
    {"redirects",
     PROBE_INT_AT(struct endpoint_config, redirects),
     .fallback = "0",
     .min = 0,
     .max = 10,
     .help = "how many to follow; secrets stay with the first host"},
    {"connection",
     PROBE_STRING_AT(struct endpoint_config, connection),
     .fallback = "kept",
     .choices = http_connections,
     .help = "fresh: a new one each time, which sees DNS, connecting and TLS"},
    {"version",
     PROBE_STRING_AT(struct endpoint_config, version),
     .fallback = "any",
     .choices = http_versions,
     .help = "of HTTP; 2 without TLS: with prior knowledge"},
    {"ip",
     PROBE_STRING_AT(struct endpoint_config, ip),
     .fallback = "any",
     .choices = http_ips,
     .help = "the family to connect by"},
    {"address",
     PROBE_STRING_AT(struct endpoint_config, address),
     .fallback = "",
     .help = "connect to this one; Host, SNI and certificate stay the URL's"},
    {"max_body",
     PROBE_BYTES_AT(struct endpoint_config, max_body),
     .fallback = "64KiB",
     .min = 1,
     .max = 16 << 20,
     .help = "how much of the body is read; the rest is neither read nor an error"},
    {0},
};

const struct probe_measure endpoint_measures[] = {
    {"expected", "whether it answered, with such a status and body", .kind = PROBE_FLAG},
    {"error_class", "what is wrong", .kind = PROBE_WORD, .words = answer_classes},
    {"total_ms", "from the start to the last byte", .kind = PROBE_GAUGE},
    {"http_status", "the answer's", .kind = PROBE_GAUGE, .optional = true},
    ANSWER_MEASURES,
    {"version", "of HTTP, that was spoken: 1 or 2", .kind = PROBE_GAUGE, .optional = true},
    {"size_bytes", "of the body that was read", .kind = PROBE_GAUGE, .optional = true},
    {"body_ok", "whether the body is as it should be", .kind = PROBE_FLAG, .optional = true},
    {"health",
     "what the service says of itself",
     .kind = PROBE_WORD,
     .optional = true,
     .words = &health_words[HEALTH_PASS]},
    {0},
};

/* A word that a pattern, or a service, has for the body: of HEAD there is none. */
static bool wants_body(const struct endpoint_config *config)
{
    return http_given(config->body_matches) || http_given(config->body_lacks) ||
           (config->expect_json && config->expect_json->name);
}

int endpoint_prepare(const void *config_, void *memory_, struct probe_error *error)
{
    const struct endpoint_config *config = config_;
    struct endpoint_memory *memory = memory_;
    int status = expect_take(&memory->expect, config->expect, error);
    if (status != 0)
        return status;
    if (http_given(config->body) && http_given(config->json))
        return probe_refuse(error, "json", "one body is enough: `body` or `json`");
    if (wants_body(config) && strcmp(config->method, "HEAD") == 0)
        return probe_refuse(error, "method", "the answer to HEAD has no body; write GET");
    memory->judge =
        judge_create(&(const struct judge_wants){.body_matches = config->body_matches,
                                                 .body_lacks = config->body_lacks,
                                                 .expect_json = config->expect_json,
                                                 .expect_headers = config->expect_headers,
                                                 .health = config->health},
                     error);
    return memory->judge ? 0 : -EINVAL;
}

void endpoint_forget(void *memory_)
{
    struct endpoint_memory *memory = memory_;
    judge_drop(memory->judge);
    memory->judge = NULL;
}

/* -------------------------------------------------------------- finding ---- */

/* "2xx, 404" */
static void print_expected(const struct endpoint_config *config, char *out, size_t room)
{
    size_t used = 0;
    out[0] = '\0';
    for (const char *const *item = config->expect; *item && used < room; item++)
        used += (size_t)snprintf(out + used, room - used, "%s%s", used ? ", " : "", *item);
}

/* One sentence; `state` is what came. */
static void summarize(const struct endpoint_config *config, const struct endpoint_state *state,
                      char *out, size_t room)
{
    char status[48], expected[100];
    ask_name_status(state->code, status, sizeof(status));
    if (state->class == ANSWER_STATUS)
        print_expected(config, expected, sizeof(expected));
    if (state->class == ANSWER_OK)
        (void)snprintf(out,
                       room,
                       state->trail.times.total < 10 ? "%s in %.1f ms%s%s" : "%s in %.0f ms%s%s",
                       status,
                       state->trail.times.total,
                       *state->message ? ", but " : "",
                       state->message);
    else if (state->class > ANSWER_STATUS && state->class < ANSWER_REFUSED)
        (void)snprintf(out, room, "%s, but %s", status, state->message);
    else if (state->class == ANSWER_STATUS && *state->location)
        (void)snprintf(out, room, "%s to %s, expected %s", status, state->location, expected);
    else if (state->class == ANSWER_STATUS)
        (void)snprintf(out,
                       room,
                       "%s, expected %s%s%s",
                       status,
                       expected,
                       *state->message ? "; " : "",
                       state->message);
    else
        (void)snprintf(out, room, "%s", state->message);
}

static const char *hint_of(const struct endpoint_state *state)
{
    if (state->class == ANSWER_REFUSED)
        return "nobody listens there: is the service running?";
    if (state->class == ANSWER_REDIRECTS)
        return "see where it leads, and `redirects`";
    if ((state->class == ANSWER_BODY || state->class == ANSWER_JSON) && state->cut)
        return "only the beginning of the body was read; see `max_body`";
    if (state->class != ANSWER_STATUS)
        return NULL;
    if (state->code >= 300 && state->code < 400)
        return "follow it with `redirects`, or `expect` this status";
    if (state->code == 404)
        return "compare `path` with what the service offers";
    return state->code == 429 ? "we ask too often, or somebody else does" : NULL;
}

static struct probe_field *add_text(struct probe_field *field, const char *name, const char *text)
{
    if (*text)
        *field++ = probe_text(name, text);
    return field;
}

static void report(struct probe_run *run, const struct endpoint_state *state)
{
    const struct endpoint_config *config = run->config;
    char summary[600];
    struct probe_field fields[14 + ANSWER_FIELDS];
    struct probe_field *field = fields;
    bool silent = state->class >= ANSWER_REFUSED; /* the service gave no answer to be graded */
    *field++ = probe_bool("expected", state->class == ANSWER_OK);
    *field++ = probe_text("error_class", answer_classes[state->class]);
    *field++ = probe_real("total_ms", state->trail.times.total);
    field = answer_add_fields(field, &state->trail);
    if (state->code)
        *field++ = probe_int("http_status", state->code);
    if (!silent)
        *field++ = probe_int("size_bytes", state->size);
    if (state->matched)
        *field++ = probe_bool("body_ok", state->class == ANSWER_OK);
    if (state->health)
        *field++ = probe_text("health", health_words[state->health]);
    if (state->code && state->version)
        *field++ = probe_int("version", state->version);
    if (state->cut)
        *field++ = probe_bool("cut", true);
    field = add_text(field, "location", state->location);
    if (state->class != ANSWER_OK)
        field = add_text(field, "body", state->snippet);
    *field = (struct probe_field){0};
    summarize(config, state, summary, sizeof(summary));
    probe_report(run,
                 .status = silent ? PROBE_CRITICAL : PROBE_GRADED,
                 .summary = summary,
                 .hint = hint_of(state),
                 .fields = fields);
    probe_done(run);
}

/* --------------------------------------------------------------- answer ---- */

static void copy(char *out, size_t room, const char *text)
{
    (void)snprintf(out, room, "%s", text ? text : "");
}

static void remember(const struct probe_run *run, int status, const struct probe_response *response)
{
    struct endpoint_state *state = run->data;
    state->code = response->code;
    state->version = response->version;
    answer_follow(&state->trail, response);
    state->size = (int64_t)response->body_len;
    state->cut = status == -EMSGSIZE;
    const char *location = answer_header(response, "location");
    answer_show_url(location ? location : "", state->location, sizeof(state->location));
    if (!answer_came(status, response))
        copy(state->message,
             sizeof(state->message),
             response->message ? response->message : strerror(-status));
    answer_snippet(response->body, response->body_len, state->snippet);
    ask_scrub(run, state->location);
    ask_scrub(run, state->snippet);
}

static void on_judged(struct probe_run *run, const struct judge_verdict *verdict)
{
    struct endpoint_state *state = run->data;
    if (state->class == ANSWER_OK) {
        state->class = verdict->class;
        state->matched = true;
    }
    state->health = (int)verdict->health;
    copy(state->message, sizeof(state->message), verdict->why);
    ask_scrub(run, state->message);
    report(run, state);
}

/* What is asked for: the path of the target's URL, and the check's. */
static void start_judging(struct probe_run *run, const struct probe_response *response,
                          bool health_only)
{
    const struct http_config *target = run->target->config;
    const struct endpoint_config *config = run->config;
    const struct endpoint_memory *memory = run->memory;
    char path[600];
    (void)snprintf(path,
                   sizeof(path),
                   "%s%s",
                   target->url->path ? target->url->path : "",
                   config->path ? config->path : "");
    judge_start(memory->judge, run, response, path, health_only, on_judged);
}

/* A status that is not expected: the service's fault, unless we are not let in. */
static void judge_status(struct probe_run *run, const struct probe_response *response)
{
    const struct endpoint_config *config = run->config;
    struct endpoint_state *state = run->data;
    struct probe_ending ending;
    char summary[400];
    state->class = ANSWER_STATUS;
    summarize(config, state, summary, sizeof(summary));
    if (answer_denies(response, summary, &ending))
        answer_end(run, &ending);
    else if (config->health && response->body_len > 0)
        start_judging(run, response, true);
    else
        report(run, state);
}

static void judge(struct probe_run *run, const struct probe_response *response)
{
    const struct endpoint_memory *memory = run->memory;
    struct endpoint_state *state = run->data;
    struct judge_verdict verdict = {.class = ANSWER_OK};
    if (!judge_headers(memory->judge, response, &verdict)) {
        state->class = verdict.class;
        copy(state->message, sizeof(state->message), verdict.why);
        ask_scrub(run, state->message);
        report(run, state);
    } else if (judge_cares(memory->judge, answer_header(response, "content-type"))) {
        start_judging(run, response, false);
    } else {
        report(run, state);
    }
}

static void on_answer(int status, const struct probe_response *response, void *data)
{
    struct probe_run *run = data;
    const struct endpoint_memory *memory = run->memory;
    struct endpoint_state *state = run->data;
    struct probe_ending ending;
    remember(run, status, response);
    if (!answer_came(status, response)) {
        state->class = answer_class_of(status);
        if (answer_is_ours(status, response, &ending))
            answer_end(run, &ending);
        else
            report(run, state);
    } else if (!expect_holds(&memory->expect, response->code)) {
        judge_status(run, response);
    } else {
        judge(run, response);
    }
}

void endpoint_run(struct probe_target *self, struct probe_run *run)
{
    const struct endpoint_config *config = run->config;
    struct ask ask = ask_of(config->ip, config->connection, config->version);
    (void)self;
    ask.path = config->path;
    ask.method = config->method;
    ask.body = http_given(config->json) ? config->json : config->body;
    ask.address = config->address;
    ask.headers = config->headers;
    ask.redirects = (int)config->redirects;
    ask.max_body = config->max_body;
    ask_start(run, &ask, on_answer);
}
