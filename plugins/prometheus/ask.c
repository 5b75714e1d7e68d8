#include "ask.h"

#include <stdlib.h>
#include <string.h>

enum {
    MOST_BODY = 8 << 20,
    ON_LOOP = 64 << 10 /* what is longer is parsed on the pool */
};

/* A reply on its way through the pool.  Points into no run but by `run`. */
struct reply {
    struct probe_run *run;
    ask_fn *then;
    int code;
    char *body;
    size_t len;
    json_t *root; /* NULL: it is no JSON */
};

static void free_reply(struct reply *reply)
{
    json_decref(reply->root);
    free(reply->body);
    free(reply);
}

/* -------------------------------------------------------------- meaning ---- */

/* What the server says that is no result; `type` is its errorType. */
static void refuse(struct probe_run *run, int code, const char *type, const char *error)
{
    char summary[400];
    (void)snprintf(summary, sizeof(summary), "Prometheus says: %.350s", error);
    if (code == 400 || code == 422 || strcmp(type, "bad_data") == 0)
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -EINVAL,
                  .reason = "bad_query",
                  .summary = summary,
                  .hint = "try the expression in Prometheus' own page");
    else if (strcmp(type, "timeout") == 0)
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -ETIMEDOUT,
                  .reason = "query_timeout",
                  .summary = summary,
                  .hint = "make it a recording rule, or ask over less time");
    else
        probe_end(run,
                  .how = code >= 500 ? PROBE_DOWN : PROBE_FAILED,
                  .status = -EPROTO,
                  .reason = code == 503 ? "unavailable" : "error",
                  .summary = summary);
}

/* No reply of the API's: another server, a proxy, or one that starts. */
static void refuse_page(struct probe_run *run, const struct reply *reply)
{
    char summary[300], snippet[ANSWER_SNIPPET + 1];
    answer_snippet(reply->body, reply->len, snippet);
    (void)snprintf(summary,
                   sizeof(summary),
                   "answers %d as no Prometheus does: %.160s",
                   reply->code,
                   *snippet ? snippet : "nothing");
    if (reply->code >= 500)
        probe_end(run,
                  .how = PROBE_DOWN,
                  .status = -EPROTO,
                  .reason = "unavailable",
                  .summary = summary,
                  .hint = "it starts, or what stands before it does not reach it");
    else
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -EPROTO,
                  .reason = "not_prometheus",
                  .summary = summary,
                  .hint = "compare the URL: the API is at URL/api/v1");
}

static void judge(struct reply *reply)
{
    const char *status = json_string_value(json_object_get(reply->root, "status"));
    const char *type = json_string_value(json_object_get(reply->root, "errorType"));
    const char *error = json_string_value(json_object_get(reply->root, "error"));
    const json_t *data = json_object_get(reply->root, "data");
    struct ask_state *state = reply->run->data;
    char warnings[WARNINGS_ROOM];
    if (status && strcmp(status, "success") == 0 && data) {
        warnings_read(reply->root, warnings);
        warnings_add(state->warnings, warnings);
        reply->then(reply->run, data);
    } else if (status && strcmp(status, "error") == 0 && error) {
        refuse(reply->run, reply->code, type ? type : "", error);
    } else {
        refuse_page(reply->run, reply);
    }
}

/* ----------------------------------------------------------------- reply ---- */

static int parse(void *data)
{
    struct reply *reply = data;
    reply->root = json_loadb(reply->body, reply->len, JSON_REJECT_DUPLICATES, NULL);
    return 0;
}

static void on_parsed(int status, void *data)
{
    struct reply *reply = data;
    if (status == 0)
        judge(reply);
    else if (status != -ECANCELED)
        probe_fail(reply->run, status, "the reply cannot be read: %s", strerror(-status));
    free_reply(reply);
}

static void take(struct reply *reply, const struct probe_response *response)
{
    reply->code = response->code;
    reply->len = response->body_len;
    reply->body = malloc(reply->len + 1);
    if (!reply->body)
        abort();
    memcpy(reply->body, response->body, reply->len);
    reply->body[reply->len] = '\0';
    if (reply->len > ON_LOOP) {
        (void)probe_work(&reply->run->life, parse, on_parsed, reply);
        return;
    }
    (void)parse(reply);
    on_parsed(0, reply);
}

static void on_response(int status, const struct probe_response *response, void *data)
{
    struct reply *reply = data;
    struct ask_state *state = reply->run->data;
    struct probe_ending ending;
    char summary[80];
    answer_follow(&state->trail, response);
    if (status == -EMSGSIZE && response->code) {
        probe_end(reply->run,
                  .how = PROBE_FAILED,
                  .status = status,
                  .reason = "too_large",
                  .summary = "the reply is longer than 8 MiB",
                  .hint = "ask for fewer series: aggregate, or match more narrowly");
        free_reply(reply);
    } else if (status != 0) {
        answer_fail(reply->run, status, response);
        free_reply(reply);
    } else {
        (void)snprintf(summary, sizeof(summary), "answers %d: we are not let in", response->code);
        if (answer_denies(response, summary, &ending)) {
            answer_end(reply->run, &ending);
            free_reply(reply);
        } else {
            take(reply, response);
        }
    }
}

/* ---------------------------------------------------------------- asking ---- */

void ask_path(struct probe_run *run, const char *path, const struct probe_pair *params,
              ask_fn *then)
{
    const struct server *server = run->target->config;
    struct reply *reply = calloc(1, sizeof(*reply));
    if (!reply)
        abort();
    reply->run = run;
    reply->then = then;
    probe_http(&run->life,
               on_response,
               reply,
               .base = server->url,
               .path = path,
               .params = params,
               .headers = server->headers,
               .bearer = server->bearer,
               .user = server->user && *server->user ? server->user : NULL,
               .password = server->password,
               .tls = server->tls,
               .max_body = MOST_BODY);
}

/* The server gives an evaluation up a little before we do, so that it says so and stops. */
void ask_query(struct probe_run *run, const char *promql, ask_fn *then)
{
    uint64_t now_ms = probe_now(&run->life);
    int64_t left_ms = run->deadline_ms > now_ms ? (int64_t)(run->deadline_ms - now_ms) : 1000;
    char timeout[32];
    (void)snprintf(timeout, sizeof(timeout), "%dms", (int)(left_ms - left_ms / 8));
    const struct probe_pair params[] = {
        {.name = "query", .value = promql}, {.name = "timeout", .value = timeout}, {0}};
    ask_path(run, "/api/v1/query", params, then);
}
