#include "before.h"

#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "common/json_path.h"
#include "request.h"

static void on_fits(struct probe_run *run, const struct judge_verdict *verdict)
{
    const struct request_run *state = run->data;
    char why[340];
    (void)snprintf(why, sizeof(why), "%s", verdict->why);
    ask_scrub(run, why);
    if (verdict->class == ANSWER_OK)
        state->then(run);
    else
        request_leave(run, why);
}

struct reading {
    const json_t *root;
    json_t *values;
    char missing[160];
};

/* Keeps a value that the request asks for. */
static bool read_value(const char *inside, void *data)
{
    struct reading *reading = data;
    if (strncmp(inside, "before.", 7) != 0)
        return true;
    const json_t *value = reading->root ? json_path_find(reading->root, inside + 7) : NULL;
    if (!value)
        (void)snprintf(reading->missing, sizeof(reading->missing), "%.150s", inside + 7);
    else
        (void)json_object_set_new(reading->values, inside + 7, json_deep_copy(value));
    return value != NULL;
}

/* A number of things: what is counted, or how many a list has; -1: it says neither. */
static int64_t number_at(const json_t *root, const char *path)
{
    const json_t *value = root ? json_path_find(root, path) : NULL;
    return json_is_array(value)     ? (int64_t)json_array_size(value)
           : json_is_integer(value) ? json_integer_value(value)
                                    : -1;
}

/* Reads what is there; false, and `why` it is not enough. */
static bool read_before(struct request_run *state, const json_t *root, char *why, size_t room)
{
    const struct declared_before *before = state->declared->before;
    struct reading reading = {root, state->before, ""};
    if (!declared_each(state->declared, read_value, &reading)) {
        (void)snprintf(why, room, "there is no %s in what is asked first", reading.missing);
        return false;
    }
    if (http_given(before->count)) {
        state->count = number_at(root, before->count);
        state->total = http_given(before->total) ? number_at(root, before->total) : 0;
        if (state->count < 0 || state->total < 0) {
            (void)snprintf(why, room, "how much it touches is not in what is asked first");
            return false;
        }
        state->total = state->total > state->count ? state->total : state->count;
    }
    return true;
}

static void on_before(int status, const struct probe_response *response, void *data)
{
    struct probe_run *run = data;
    struct request_run *state = run->data;
    const struct declared *declared = state->declared;
    struct probe_ending ending;
    char why[400], name[48];
    if (status != 0) { /* also one that is longer than what is read */
        answer_fail(run, status, response);
        return;
    }
    ask_name_status(response->code, name, sizeof(name));
    (void)snprintf(why, sizeof(why), "what is asked first is answered %s", name);
    if (!expect_holds(&declared->before_expect, response->code)) {
        if (answer_denies(response, why, &ending))
            answer_end(run, &ending);
        else
            request_leave(run, why);
        return;
    }
    json_t *root = json_loadb(response->body, response->body_len, JSON_DECODE_ANY, NULL);
    bool fine = read_before(state, root, why, sizeof(why));
    json_decref(root);
    if (!fine)
        probe_fail(run, -EPROTO, "%s", why);
    else if (judge_cares(declared->before_judge, NULL))
        judge_start(declared->before_judge, run, response, NULL, false, on_fits);
    else
        state->then(run);
}

void before_look(struct probe_run *run, before_fn *then)
{
    struct request_run *state = run->data;
    const struct declared *declared = state->declared;
    const struct declared_before *before = declared->before;
    struct blanks blanks = {.with = state->with};
    state->then = then;
    const char *path = http_given(before->path) ? before->path : declared->request->path;
    char *own = blanks_text(&blanks, path, BLANKS_FOR_PATH);
    if (own)
        ask_start(run,
                  &(const struct ask){.path = own,
                                      .method = before->method,
                                      .bearer = declared->request->bearer,
                                      .max_body = REQUEST_LARGEST_ANSWER},
                  on_before);
    else
        request_refuse(run, "%s: %s", declared->request->name, blanks.why);
    free(own);
}
