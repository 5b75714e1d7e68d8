/*
 * request - the action: one of the requests that the target declares, planned, then sent once.
 *
 * A script names a request and says what the declaration leaves open; nothing else of it is the
 * script's.  Where the declaration says `before`, that is asked first: what it finds decides whether
 * there is anything to do, and stands in the plan.  It is asked again before the request is sent,
 * and what has changed meanwhile is left alone.  What was sent and not answered may have been done:
 * that is said, and never tried again.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "ask.h"
#include "before.h"
#include "common/json_path.h"
#include "request.h"

enum { LARGEST_WITH = 16 << 10 };

const struct probe_option request_options[] = {
    {"request",
     PROBE_STRING_AT(struct request_config, request),
     .help = "one that the target declares in `requests`"},
    {"with",
     PROBE_JSON_AT(struct request_config, with),
     .fallback = "",
     .help = "what the declaration leaves open, by name: {flag: checkout, value: true}"},
    {0},
};

/* -------------------------------------------------------------- endings ---- */

void request_refuse(struct probe_run *run, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    probe_end(run, .how = PROBE_FAILED, .status = -EINVAL, .reason = "config", .summary = text);
}

void request_leave(struct probe_run *run, const char *why)
{
    const struct request_run *state = run->data;
    if (state->applying)
        probe_applied(run, .outcome = PROBE_SKIPPED, .summary = why);
    else
        probe_planned(run, .note = why, .effect = &state->declared->effect);
}

/* ----------------------------------------------------- what is asked with ---- */

static const struct declared *find(struct probe_run *run, const char *name)
{
    const struct http_config *config = run->target->config;
    const struct http_target *target = run->target->data;
    char known[200] = "";
    for (size_t i = 0, used = 0; i < config->requests.count; i++) {
        const char *own = target->declared[i].request->name;
        if (strcmp(own, name) == 0)
            return &target->declared[i];
        if (used < sizeof(known))
            used +=
                (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", own);
    }
    if (*known)
        request_refuse(run, "the target declares no request \"%.64s\", but %s", name, known);
    else
        request_refuse(run, "the target declares no requests at all");
    return NULL;
}

/* Whether the values are what the declaration leaves open, and no others; else the run has ended. */
static bool accept(struct probe_run *run, const json_t *with)
{
    const struct request_run *state = run->data;
    const char *name;
    json_t *value;
    char text[BLANKS_LONGEST + 2];
    json_object_foreach((json_t *)with, name, value) {
        json_path_print(value, text, sizeof(text));
        if (!declared_leaves_open(state->declared, "with", name))
            request_refuse(run, "the request leaves no with.%.64s open", name);
        else if (!declared_allows(state->declared, name, text))
            request_refuse(run, "with.%.64s may not be \"%.100s\": `allow` says so", name, text);
        else
            continue;
        return false;
    }
    return true;
}

/* Finds the request and what it is asked with; false, and the run has ended. */
static bool take(struct probe_run *run, const char *name, json_t *with)
{
    struct request_run *state = run->data;
    state->with = with ? with : json_object();
    state->declared = find(run, name);
    if (!state->declared)
        return false;
    /* Lua's {} is a list as well. */
    if (json_is_array(state->with) && json_array_size(state->with) == 0) {
        json_decref(state->with);
        state->with = json_object();
    }
    if (json_is_object(state->with))
        return accept(run, state->with);
    request_refuse(run, "`with` is no map of names and values");
    return false;
}

static bool take_config(struct probe_run *run)
{
    const struct request_config *config = run->config;
    const char *with = config->with;
    if (with && strlen(with) > LARGEST_WITH) {
        request_refuse(run, "`with` is longer than 16 KiB");
        return false;
    }
    return take(run, config->request, with ? json_loads(with, JSON_DECODE_ANY, NULL) : NULL);
}

/* ---------------------------------------------------------- the message ---- */

/*
 * What makes the request this one: the same asked again has the same hash, and so the same
 * idempotency key.
 */
static void hash_it(struct probe_run *run)
{
    struct request_run *state = run->data;
    unsigned char digest[EVP_MAX_MD_SIZE];
    json_t *bound = json_pack("[s, s, b, O, O]",
                              run->target->name,
                              state->declared->request->name,
                              state->undoing,
                              state->with,
                              state->before);
    char *text = json_dumps(bound, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text || EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL) != 1)
        abort();
    for (size_t i = 0; i < REQUEST_HASH_LEN / 2; i++)
        (void)snprintf(state->hash + 2 * i, 3, "%02x", digest[i]);
    free(text);
    json_decref(bound);
}

/* False, and the run has ended, where something is missing or does not fit. */
static bool compose(struct probe_run *run)
{
    struct request_run *state = run->data;
    hash_it(run);
    struct blanks blanks = {.with = state->with, .before = state->before, .hash = state->hash};
    if (message_compose(&state->message, state->declared, state->undoing, &blanks, run))
        return true;
    request_refuse(run, "%s: %s", state->declared->request->name, blanks.why);
    return false;
}

/* What a step holds; `undo`: it takes the request back. */
static char *step_json(struct probe_run *run, const struct message *message, bool undo)
{
    const struct request_run *state = run->data;
    json_t *json = message_describe(message, run->target->config);
    (void)json_object_set_new(json, "request", json_string(state->declared->request->name));
    (void)json_object_set(json, "with", state->with);
    if (json_object_size(state->before) > 0)
        (void)json_object_set(json, "before", state->before);
    if (state->count >= 0)
        (void)json_object_set_new(json, "count", json_integer(state->count));
    if (undo)
        (void)json_object_set_new(json, "undo", json_true());
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

static void name_step(const struct request_run *state, const struct message *message, char *out,
                      size_t room)
{
    (void)snprintf(out,
                   room,
                   "%s %.300s#%.16s",
                   message->method,
                   strcspn(message->path, "?") <= 300 ? message->path : "/",
                   state->hash);
}

/* ----------------------------------------------------------------- plan ---- */

static void plan(struct probe_run *run)
{
    const struct request_run *state = run->data;
    char key[400], *what, *said, *json, *before = NULL;
    if (!compose(run))
        return;
    name_step(state, &state->message, key, sizeof(key));
    json = step_json(run, &state->message, false);
    said = message_say(&state->message);
    if (asprintf(&what,
                 state->count >= 0 ? "%s, which touches %" PRId64 " of %" PRId64 : "%s",
                 said,
                 state->count,
                 state->total) < 0)
        abort();
    if (json_object_size(state->before) > 0)
        before = json_dumps(state->before, JSON_COMPACT);
    const struct probe_step step = {
        .key = key, .what = what, .json = json, .count = state->count > 0 ? state->count : 1};
    probe_planned(run,
                  .steps = &step,
                  .step_count = 1,
                  .total = state->total > 0 ? state->total : 1,
                  .note = before,
                  .effect = &state->declared->effect);
    free(what);
    free(said);
    free(json);
    free(before);
}

/* ---------------------------------------------------------------- apply ---- */

/* The request that would take it back, of which every value is known by now. */
static struct probe_step *undo_of(struct probe_run *run, struct probe_step *step, char key[400])
{
    struct request_run *state = run->data;
    struct message back;
    struct blanks blanks = {.with = state->with, .before = state->before, .hash = state->hash};
    if (state->undoing || !state->declared->undo ||
        !message_compose(&back, state->declared, true, &blanks, run))
        return NULL;
    name_step(state, &back, key, 400);
    *step = (struct probe_step){
        .key = key, .what = message_say(&back), .json = step_json(run, &back, true), .count = 1};
    message_finish(&back);
    return step;
}

static void succeed(struct probe_run *run)
{
    struct request_run *state = run->data;
    struct probe_step step = {0};
    char summary[120], status[48], key[400];
    json_t *result = json_pack("{s:s, s:i, s:f}",
                               "request",
                               state->declared->request->name,
                               "http_status",
                               state->code,
                               "total_ms",
                               state->total_ms);
    if (state->answer)
        (void)json_object_set(result, "answer", state->answer);
    char *json = json_dumps(result, JSON_COMPACT);
    ask_name_status(state->code, status, sizeof(status));
    (void)snprintf(summary, sizeof(summary), "answered %s in %.0f ms", status, state->total_ms);
    probe_applied(run,
                  .outcome = PROBE_APPLIED,
                  .summary = summary,
                  .json = json,
                  .undo = undo_of(run, &step, key));
    free((char *)step.what);
    free((char *)step.json);
    free(json);
    json_decref(result);
}

/* It was answered, and not as the declaration says. */
static void fail(struct probe_run *run, int code, const char *why)
{
    const struct request_run *state = run->data;
    char summary[500];
    bool denied = code == 401 || code == 403;
    (void)snprintf(summary,
                   sizeof(summary),
                   "%s %.200s is answered %.260s",
                   state->message.method,
                   state->message.url,
                   why);
    probe_end(run,
              .how = denied ? PROBE_DENIED : PROBE_FAILED,
              .status = denied ? -EACCES : -EPROTO,
              .reason = code == 401   ? "noauth"
                        : code == 403 ? "noperm"
                                      : "status",
              .summary = summary,
              .hint = denied ? "give the request a `bearer` that may, or the target an act_as"
                      : code >= 400 && code < 500
                          ? "the service refused it"
                          : "whether it was done is not known: look before it is asked again");
}

static void on_judged(struct probe_run *run, const struct judge_verdict *verdict)
{
    const struct request_run *state = run->data;
    char why[400], status[48];
    if (verdict->class == ANSWER_OK) {
        succeed(run);
        return;
    }
    ask_name_status(state->code, status, sizeof(status));
    (void)snprintf(why, sizeof(why), "%s, but %.320s", status, verdict->why);
    ask_scrub(run, why);
    fail(run, state->code, why);
}

static void take_answer(struct probe_run *run, const struct probe_response *response)
{
    struct request_run *state = run->data;
    const struct declared *declared = state->declared;
    const struct probe_pair *wanted = declared->request->answer;
    char why[300], snippet[ANSWER_SNIPPET + 1], status[48];
    state->code = response->code;
    state->total_ms = (double)response->us.total / 1000.0;
    ask_name_status(response->code, status, sizeof(status));
    if (!state->undoing && !expect_holds(&declared->expect, response->code)) {
        answer_snippet(response->body, response->body_len, snippet);
        ask_scrub(run, snippet);
        (void)snprintf(why, sizeof(why), "%s%s%s", status, *snippet ? ": " : "", snippet);
        fail(run, response->code, why);
    } else if (state->undoing && response->code >= 300) {
        fail(run, response->code, status);
    } else {
        if (wanted && !state->undoing)
            state->answer = message_parts(wanted, response);
        if (!state->undoing && judge_cares(declared->judge, NULL))
            judge_start(declared->judge, run, response, NULL, false, on_judged);
        else
            succeed(run);
    }
}

/* Nothing came back: from the moment on in which it was sent nobody knows what became of it. */
static void lose(struct probe_run *run, int status, const struct probe_response *response)
{
    const struct request_run *state = run->data;
    char summary[500];
    if (response->stage < PROBE_SENDING) {
        answer_fail(run, status, response);
        return;
    }
    (void)snprintf(summary,
                   sizeof(summary),
                   "%s %.200s was sent and not answered (%.160s)",
                   state->message.method,
                   state->message.url,
                   response->message ? response->message : strerror(-status));
    probe_end(run,
              .how = PROBE_FAILED,
              .status = status,
              .reason = "lost",
              .summary = summary,
              .hint = "whether it was done is not known: look before it is asked again");
}

static void on_answer(int status, const struct probe_response *response, void *data)
{
    if (answer_came(status, response))
        take_answer(data, response);
    else
        lose(data, status, response);
}

static void send(struct probe_run *run)
{
    const struct request_run *state = run->data;
    const struct message *message = &state->message;
    ask_start(run,
              &(const struct ask){.path = message->path,
                                  .method = message->method,
                                  .body = message->body,
                                  .headers = message->headers,
                                  .bearer = message->bearer,
                                  .once = true,
                                  .timeout_ms = state->declared->request->timeout_ms,
                                  .max_body = REQUEST_LARGEST_ANSWER},
              on_answer);
}

/* Sends it, unless what was found before it is no longer what was planned. */
static void apply(struct probe_run *run)
{
    struct request_run *state = run->data;
    const json_t *before = json_object_get(state->planned, "before");
    const json_t *count = json_object_get(state->planned, "count");
    char why[200];
    if (!compose(run))
        return;
    if (before && !json_equal(before, state->before)) {
        request_leave(run, "what is there has changed since it was planned");
    } else if (json_is_integer(count) && state->count > json_integer_value(count)) {
        (void)snprintf(why,
                       sizeof(why),
                       "it would touch %" PRId64 " by now, %" JSON_INTEGER_FORMAT " were planned",
                       state->count,
                       json_integer_value(count));
        request_leave(run, why);
    } else {
        send(run);
    }
}

/* --------------------------------------------------------------- action ---- */

static void go_on(struct probe_run *run)
{
    const struct request_run *state = run->data;
    if (state->count == 0)
        request_leave(run, "it would touch nothing");
    else if (state->applying)
        apply(run);
    else
        plan(run);
}

static void begin(struct probe_run *run)
{
    struct request_run *state = run->data;
    state->before = json_object();
    state->count = -1;
    if (state->declared->before)
        before_look(run, go_on);
    else
        go_on(run);
}

void request_plan(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    if (take_config(run))
        begin(run);
}

/* A value that the agent took for a secret was not written into the step. */
static bool is_kept(const json_t *values)
{
    char *text = json_dumps(values, JSON_COMPACT);
    bool kept = !strstr(text, MESSAGE_MARK);
    free(text);
    return kept;
}

/* What takes a request back knows all that it needs from the step: nothing is asked first. */
static void undo(struct probe_run *run)
{
    struct request_run *state = run->data;
    const char *name = json_string_value(json_object_get(state->planned, "request"));
    json_t *before = json_object_get(state->planned, "before");
    state->undoing = true;
    state->count = -1;
    state->before = before ? json_incref(before) : json_object();
    if (!take(run, name ? name : "", json_incref(json_object_get(state->planned, "with"))))
        return;
    if (!state->declared->undo)
        request_refuse(
            run, "%s: nothing is declared that takes it back", state->declared->request->name);
    else if (!is_kept(state->before) || !is_kept(state->with))
        request_refuse(run,
                       "%s: what was there before was a secret, and is not kept",
                       state->declared->request->name);
    else if (compose(run))
        send(run);
}

void request_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    struct request_run *state = run->data;
    (void)self;
    state->applying = true;
    state->planned = step && step->json ? json_loads(step->json, 0, NULL) : NULL;
    if (!state->planned)
        request_refuse(run, "the step does not say what is to be sent");
    else if (json_is_true(json_object_get(state->planned, "undo")))
        undo(run);
    else if (take_config(run))
        begin(run);
}

void request_ended(struct probe_target *self, struct probe_run *run)
{
    struct request_run *state = run->data;
    (void)self;
    message_finish(&state->message);
    json_decref(state->with);
    json_decref(state->before);
    json_decref(state->planned);
    json_decref(state->answer);
}
