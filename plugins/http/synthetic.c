/*
 * synthetic - several requests in a row, as a user makes them: log in, then ask with the token.
 *
 * Each step must be answered as it says; what it captures is put into the next ones.  Nothing of
 * what was captured is shown.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "capture.h"
#include "http.h"
#include "judge.h"

static const struct probe_option step_options[] = {
    {"name",
     PROBE_STRING_AT(struct synthetic_step, name),
     .fallback = "",
     .help = "what it is called in findings; default: method and path"},
    {"get", PROBE_STRING_AT(struct synthetic_step, get), .fallback = "", .help = "the path to GET"},
    {"post",
     PROBE_STRING_AT(struct synthetic_step, post),
     .fallback = "",
     .help = "or the path to POST to"},
    {"method",
     PROBE_STRING_AT(struct synthetic_step, method),
     .fallback = "GET",
     .choices = http_methods,
     .help = "or any method ..."},
    {"path", PROBE_STRING_AT(struct synthetic_step, path), .fallback = "", .help = "... and path"},
    {"headers",
     PROBE_PAIRS_AT(struct synthetic_step, headers),
     .fallback = "",
     .help = "sent besides the target's: {Authorization: \"Bearer ${captured:token}\"}"},
    {"json",
     PROBE_JSON_AT(struct synthetic_step, json),
     .fallback = "",
     .help = "the body: {user: probe, password: \"${file:/run/secrets/probe}\"}"},
    {"body",
     PROBE_STRING_AT(struct synthetic_step, body),
     .fallback = "",
     .help = "or a body as it is, such as a form"},
    {"expect",
     PROBE_LIST_AT(struct synthetic_step, expect),
     .fallback = "[2xx]",
     .help = "statuses that are fine: 200, 2xx; of what must be denied: [401, 403, 404]"},
    {"expect_json",
     PROBE_PAIRS_AT(struct synthetic_step, expect_json),
     .fallback = "",
     .help = "values that the body must hold: {\"user.id\": present}"},
    {"body_matches",
     PROBE_STRING_AT(struct synthetic_step, body_matches),
     .fallback = "",
     .help = "an extended regular expression that the body must match"},
    {"capture",
     PROBE_PAIRS_AT(struct synthetic_step, capture),
     .fallback = "",
     .help = "for later steps: {token: json.access_token, id: header.X-Id, sid: cookie.sid}"},
    {0},
};

const struct probe_option synthetic_options[] = {
    {"steps",
     PROBE_ITEMS_AT(struct synthetic_config, steps),
     .help = "requests in a row; ${captured:NAME} is what an earlier one captured",
     .nested = step_options,
     .item_size = sizeof(struct synthetic_step)},
    {0},
};

const struct probe_measure synthetic_measures[] = {
    {"expected", "whether every step was answered as it should be", .kind = PROBE_FLAG},
    {"error_class", "what is wrong", .kind = PROBE_WORD, .words = answer_classes},
    {"total_ms", "all steps together", .kind = PROBE_GAUGE},
    {"failed_step", "which one, from 1", .kind = PROBE_GAUGE, .optional = true},
    {"http_status", "of the last answer", .kind = PROBE_GAUGE, .optional = true},
    {"token_ttl_seconds",
     "how long a captured JSON Web Token still lives",
     .kind = PROBE_GAUGE,
     .optional = true},
    ANSWER_MEASURES,
    {0},
};

/* ------------------------------------------------------------- prepare ---- */

static size_t step_count(const struct synthetic_config *config)
{
    return config->steps.count;
}

static const struct synthetic_step *step_of(const struct synthetic_config *config, size_t index)
{
    return (const struct synthetic_step *)config->steps.first + index;
}

static const char *path_of(const struct synthetic_step *step)
{
    return http_given(step->get) ? step->get : http_given(step->post) ? step->post : step->path;
}

static const char *method_of(const struct synthetic_step *step)
{
    return http_given(step->get) ? "GET" : http_given(step->post) ? "POST" : step->method;
}

/* What a step may ask for: whatever the ones before it capture. */
struct before {
    const struct synthetic_config *config;
    size_t index;
    char missing[64];
};

static bool is_captured(const char *name, size_t len, void *data)
{
    struct before *before = data;
    for (size_t i = 0; i < before->index; i++)
        for (const struct probe_pair *pair = step_of(before->config, i)->capture;
             pair && pair->name;
             pair++)
            if (strncmp(pair->name, name, len) == 0 && !pair->name[len])
                return true;
    (void)snprintf(before->missing, sizeof(before->missing), "%.*s", (int)len, name);
    return false;
}

static bool are_captured(struct before *before, const struct synthetic_step *step)
{
    bool all = capture_each(path_of(step), is_captured, before) &&
               capture_each(step->json, is_captured, before) &&
               capture_each(step->body, is_captured, before);
    for (const struct probe_pair *pair = step->headers; all && pair && pair->name; pair++)
        all = capture_each(pair->value, is_captured, before);
    return all;
}

static int prepare_step(const struct synthetic_config *config, size_t index,
                        struct synthetic_memory *memory, struct probe_error *error)
{
    const struct synthetic_step *step = step_of(config, index);
    struct before before = {config, index, ""};
    int status;
    int named = http_given(step->get) + http_given(step->post) + http_given(step->path);
    if (named != 1)
        return probe_refuse(
            error, "steps", "step %zu: write one of get, post, or method and path", index + 1);
    if (http_given(step->json) && http_given(step->body))
        return probe_refuse(
            error, "steps", "step %zu: one body is enough: `json` or `body`", index + 1);
    if (!are_captured(&before, step))
        return probe_refuse(error,
                            "steps",
                            "step %zu: no step before it captures \"%s\"",
                            index + 1,
                            before.missing);
    for (const struct probe_pair *pair = step->capture; pair && pair->name; pair++)
        if (!capture_is(pair->value))
            return probe_refuse(error,
                                "steps",
                                "step %zu: capture %s is written json.PATH, header.NAME or "
                                "cookie.NAME",
                                index + 1,
                                pair->name);
    status = expect_take(&memory->steps[index].expect, step->expect, error);
    if (status != 0)
        return status;
    memory->steps[index].judge =
        judge_create(&(const struct judge_wants){.body_matches = step->body_matches,
                                                 .expect_json = step->expect_json},
                     error);
    return memory->steps[index].judge ? 0 : -EINVAL;
}

int synthetic_prepare(const void *config_, void *memory_, struct probe_error *error)
{
    const struct synthetic_config *config = config_;
    struct synthetic_memory *memory = memory_;
    int status = 0;
    if (step_count(config) == 0 || step_count(config) > SYNTHETIC_MOST)
        return probe_refuse(error, "steps", "are at least one, and at most %d", SYNTHETIC_MOST);
    for (size_t i = 0; status == 0 && i < step_count(config); i++)
        status = prepare_step(config, i, memory, error);
    if (status != 0)
        synthetic_forget(memory);
    return status;
}

void synthetic_forget(void *memory_)
{
    struct synthetic_memory *memory = memory_;
    for (size_t i = 0; i < SYNTHETIC_MOST; i++) {
        judge_drop(memory->steps[i].judge);
        memory->steps[i].judge = NULL;
    }
}

/* -------------------------------------------------------------- finding ---- */

static void scrub(struct probe_run *run, char *text)
{
    const struct synthetic_state *state = run->data;
    capture_scrub(&state->captures, text);
    ask_scrub(run, text);
}

static const char *say_step(const struct synthetic_step *step, char out[160])
{
    if (http_given(step->name))
        (void)snprintf(out, 160, "%.150s", step->name);
    else
        (void)snprintf(out, 160, "%s %.140s", method_of(step), path_of(step));
    return out;
}

enum { STEP_TIMES = 6, STEP_CELLS = STEP_TIMES + 3 };

/* What each step that was taken took, as evidence. */
struct steps_table {
    char numbers[SYNTHETIC_MOST][STEP_TIMES + 1][24], names[SYNTHETIC_MOST][160];
    const char *cells[SYNTHETIC_MOST * STEP_CELLS];
    struct probe_table table;
};

static void add_step(struct steps_table *steps, const struct probe_run *run, size_t index)
{
    const struct synthetic_state *state = run->data;
    const struct answer_trail *trail = &state->of[index].trail;
    const double times[STEP_TIMES] = {trail->times.total,
                                      trail->times.dns,
                                      trail->times.connect,
                                      trail->times.tls,
                                      trail->times.first_byte,
                                      trail->times.transfer};
    const char **cell = &steps->cells[index * STEP_CELLS];
    char(*text)[24] = steps->numbers[index];
    *cell++ = say_step(step_of(run->config, index), steps->names[index]);
    (void)snprintf(text[STEP_TIMES], sizeof(*text), "%d", state->of[index].code);
    *cell++ = state->of[index].code ? text[STEP_TIMES] : NULL;
    for (size_t i = 0; i < STEP_TIMES; i++) {
        (void)snprintf(text[i], sizeof(*text), "%.1f", times[i]);
        *cell++ = times[i] >= 0 ? text[i] : NULL;
    }
    *cell = *trail->ip ? trail->ip : NULL;
}

static struct probe_field steps_of(struct steps_table *steps, const struct probe_run *run)
{
    static const struct probe_column columns[STEP_CELLS] = {{"step", PROBE_FIELD_TEXT},
                                                            {"http_status", PROBE_FIELD_INT},
                                                            {"total_ms", PROBE_FIELD_REAL},
                                                            {"dns_ms", PROBE_FIELD_REAL},
                                                            {"connect_ms", PROBE_FIELD_REAL},
                                                            {"tls_ms", PROBE_FIELD_REAL},
                                                            {"first_byte_ms", PROBE_FIELD_REAL},
                                                            {"transfer_ms", PROBE_FIELD_REAL},
                                                            {"ip", PROBE_FIELD_TEXT}};
    const struct synthetic_state *state = run->data;
    for (size_t i = 0; i < state->taken; i++)
        add_step(steps, run, i);
    steps->table = (struct probe_table){
        columns, STEP_CELLS, steps->cells, state->taken, (int64_t)state->taken};
    return probe_rows("steps", &steps->table);
}

/* `why` is what is wrong with the last step that was taken; NULL: nothing. */
static void report(struct probe_run *run, enum answer_class class, const char *why)
{
    const struct synthetic_config *config = run->config;
    struct synthetic_state *state = run->data;
    struct steps_table steps;
    char summary[640], name[160], snippet[ANSWER_SNIPPET + 1];
    double total = state->trail.times.total,
           ttl = capture_token_seconds(&state->captures, probe_wall(&run->life));
    struct probe_field fields[9 + ANSWER_FIELDS], *field = fields;
    *field++ = probe_bool("expected", class == ANSWER_OK);
    *field++ = probe_text("error_class", answer_classes[class]);
    *field++ = probe_real("total_ms", total);
    if (class != ANSWER_OK)
        *field++ = probe_int("failed_step", (int64_t)state->taken);
    if (state->taken > 0 && state->of[state->taken - 1].code)
        *field++ = probe_int("http_status", state->of[state->taken - 1].code);
    if (ttl >= 0)
        *field++ = probe_real("token_ttl_seconds", ttl);
    field = answer_add_fields(field, &state->trail);
    *field++ = steps_of(&steps, run);
    (void)snprintf(snippet, sizeof(snippet), "%s", state->snippet);
    scrub(run, snippet);
    if (class != ANSWER_OK && *snippet)
        *field++ = probe_text("body", snippet);
    *field = (struct probe_field){0};
    if (class == ANSWER_OK)
        (void)snprintf(
            summary, sizeof(summary), "all %zu steps in %.0f ms", step_count(config), total);
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "step %zu of %zu, %s: %s",
                       state->taken,
                       step_count(config),
                       say_step(step_of(config, state->taken - 1), name),
                       why);
    scrub(run, summary);
    probe_report(run,
                 .status = class >= ANSWER_REFUSED ? PROBE_CRITICAL : PROBE_GRADED,
                 .summary = summary,
                 .fields = fields);
    probe_done(run);
}

/* ---------------------------------------------------------------- steps ---- */

static void start_step(struct probe_run *run);

/* The next step, or the end; captures first, while the answer is there. */
static void go_on(struct probe_run *run)
{
    const struct synthetic_config *config = run->config;
    struct synthetic_state *state = run->data;
    if (state->taken == step_count(config))
        report(run, ANSWER_OK, NULL);
    else
        start_step(run);
}

static void on_judged(struct probe_run *run, const struct judge_verdict *verdict)
{
    if (verdict->class == ANSWER_OK)
        go_on(run);
    else
        report(run, verdict->class, verdict->why);
}

/* False, and the run is over, where the answer lacks what is to be captured. */
static bool capture(struct probe_run *run, const struct synthetic_step *step,
                    const struct probe_response *response)
{
    struct synthetic_state *state = run->data;
    char why[200];
    for (const struct probe_pair *pair = step->capture; pair && pair->name; pair++) {
        if (capture_take(&state->captures, pair->name, pair->value, response))
            continue;
        (void)snprintf(why, sizeof(why), "the answer has no %.100s", pair->value);
        report(run, ANSWER_BODY, why);
        return false;
    }
    return true;
}

static void take_answer(struct probe_run *run, const struct probe_response *response)
{
    const struct synthetic_config *config = run->config;
    const struct synthetic_memory *memory = run->memory;
    struct synthetic_state *state = run->data;
    size_t index = state->taken - 1;
    char why[80];
    answer_snippet(response->body, response->body_len, state->snippet);
    if (!expect_holds(&memory->steps[index].expect, response->code)) {
        ask_name_status(response->code, why, sizeof(why));
        report(run, ANSWER_STATUS, why);
    } else if (capture(run, step_of(config, index), response)) {
        if (judge_cares(memory->steps[index].judge, NULL))
            judge_start(memory->steps[index].judge, run, response, NULL, false, on_judged);
        else
            go_on(run);
    }
}

static void on_answer(int status, const struct probe_response *response, void *data)
{
    struct probe_run *run = data;
    struct synthetic_state *state = run->data;
    struct probe_ending ending;
    state->of[state->taken].code = response->code;
    answer_follow(&state->of[state->taken].trail, response);
    answer_follow(&state->trail, response);
    state->taken++;
    if (answer_came(status, response))
        take_answer(run, response);
    else if (answer_is_ours(status, response, &ending))
        answer_end(run, &ending);
    else
        report(run,
               answer_class_of(status),
               response->message ? response->message : strerror(-status));
}

/* What was put in, until the answer is there. */
static void let_go(struct synthetic_state *state)
{
    free(state->path);
    free(state->body);
    state->path = state->body = NULL;
    for (size_t i = 0; i < state->header_count; i++)
        free((char *)state->headers[i].value);
    state->header_count = 0;
}

static bool put_headers(struct synthetic_state *state, const struct probe_pair *headers,
                        char **ret_missing)
{
    for (; headers && headers->name && state->header_count < SYNTHETIC_MOST_HEADERS; headers++) {
        struct probe_pair *pair = &state->headers[state->header_count];
        *pair = (struct probe_pair){.name = headers->name, .secret = headers->secret};
        if (!headers->secret) {
            pair->value =
                capture_put(&state->captures, headers->value, CAPTURE_FOR_HEADER, ret_missing);
            if (!pair->value)
                return false;
        }
        state->header_count++;
    }
    state->headers[state->header_count] = (struct probe_pair){0};
    return true;
}

static void start_step(struct probe_run *run)
{
    const struct synthetic_config *config = run->config;
    struct synthetic_state *state = run->data;
    const struct synthetic_step *step = step_of(config, state->taken);
    bool json = http_given(step->json);
    const char *body = json ? step->json : http_given(step->body) ? step->body : "";
    char *missing = NULL;
    let_go(state);
    state->path = capture_put(&state->captures, path_of(step), CAPTURE_FOR_PATH, &missing);
    state->body =
        state->path
            ? capture_put(
                  &state->captures, body, json ? CAPTURE_FOR_JSON : CAPTURE_FOR_PATH, &missing)
            : NULL;
    if (!state->body || !put_headers(state, step->headers, &missing)) {
        probe_fail(run, -EINVAL, "\"%s\" was not captured", missing ? missing : "");
        free(missing);
        return;
    }
    ask_start(run,
              &(const struct ask){.path = state->path,
                                  .method = method_of(step),
                                  .body = state->body,
                                  .headers = state->headers},
              on_answer);
}

void synthetic_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    start_step(run);
}

void synthetic_ended(struct probe_target *self, struct probe_run *run)
{
    struct synthetic_state *state = run->data;
    (void)self;
    let_go(state);
    capture_finish(&state->captures);
}
