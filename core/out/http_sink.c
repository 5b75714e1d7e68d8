/*
 * http_sink - type "http": parcels by POST, in an encoding, packed, to whoever collects.
 *
 * Encoding and packing happen on the pool.  Which answers mean what:
 *
 *   2xx                        taken (an encoding may find in the body that some were not)
 *   400, 422                   something in it is wrong: refused
 *   413                        too big
 *   everything else            later: a wrong password, address or table is mended by somebody, and
 *                              until then the events wait; Retry-After is honoured
 *   no answer                  later
 *
 * Layer: out.  Uses: base, io/http, io/work, out/encode, out/sink, out/squeeze.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/redact.h"
#include "io/http.h"
#include "io/http_after.h"
#include "io/loop.h"
#include "io/work.h"
#include "out/encode.h"
#include "out/sink_types.h"
#include "out/squeeze.h"

enum {
    LONGEST_BODY = 256 << 20,
    LONGEST_REPLY = 4 << 20,
    LONGEST_MESSAGE = 240,
    MOST_HEADERS = 68
};

/* ---------------------------------------------------------------- options ---- */

struct http_options {
    const struct probe_url *url;
    const char *encoding, *compress;
    const struct probe_pair *headers;
    struct probe_secret *bearer, *password;
    const char *user;
    const struct probe_tls *tls;
    int64_t timeout_ms;
    struct encode_wish wish;
};

static const struct probe_option options[] = {
    {"url",
     PROBE_URL_AT(struct http_options, url),
     .help = "http:// or https://, where events are sent"},
    {"encoding",
     PROBE_STRING_AT(struct http_options, encoding),
     .fallback = "ndjson",
     .choices = encode_names,
     .help = "what the receiver reads"},
    {"compress",
     PROBE_STRING_AT(struct http_options, compress),
     .fallback = "none",
     .choices = squeeze_names,
     .help = "how a request's body is packed"},
    {"headers",
     PROBE_PAIRS_AT(struct http_options, headers),
     .fallback = "",
     .help = "further headers; values may be references to secrets"},
    {"bearer",
     PROBE_SECRET_AT(struct http_options, bearer),
     .fallback = "",
     .help = "a token, sent as Authorization: Bearer"},
    {"user",
     PROBE_STRING_AT(struct http_options, user),
     .fallback = "",
     .help = "basic authentication"},
    {"password",
     PROBE_SECRET_AT(struct http_options, password),
     .fallback = "",
     .help = "and its password"},
    {"tls",
     PROBE_TLS_AT(struct http_options, tls),
     .fallback = "",
     .help = "certificate authority, client certificate, name, verification"},
    {"timeout",
     PROBE_DURATION_AT(struct http_options, timeout_ms),
     .fallback = "30s",
     .min = 100,
     .max = 3600000,
     .help = "how long one request may take"},
    {"labels",
     PROBE_LIST_AT(struct http_options, wish.labels),
     .fallback = "[]",
     .help =
         "of loki: what becomes a label of the stream; default: service, env, realm, kind, level"},
    {"index",
     PROBE_STRING_AT(struct http_options, wish.index),
     .fallback = "",
     .help = "of elasticsearch: the data stream; of splunk: the index"},
    {"table",
     PROBE_STRING_AT(struct http_options, wish.table),
     .fallback = "",
     .help = "of clickhouse: DATABASE.TABLE; default: runbookd.events"},
    {0},
};

/* Loki keeps a stream for each combination of labels, and refuses too many of both. */
static int check_labels(const struct http_options *sink, struct error *error)
{
    enum { MOST_LABELS = 15 }; /* its max_label_names_per_series */
    static const char *const ever_new[] = {
        "time", "message", "since", "id", "plan", "plan_hash", "hash", "previous_hash", NULL};
    const char *const *label = sink->wish.labels;
    size_t count = 0;
    for (; label && *label; label++, count++)
        for (const char *const *word = ever_new; *word; word++)
            if (strcmp(*label, *word) == 0) {
                (void)error_set(
                    error, -EINVAL, "labels: %s makes a stream of nearly each event", *word);
                return error_hint(error, "it is in the line, where | json finds it");
            }
    if (count > MOST_LABELS)
        return error_set(
            error, -EINVAL, "labels: are more than the %d that Loki takes", MOST_LABELS);
    return 0;
}

static int check(const void *config, struct error *error)
{
    const struct http_options *sink = config;
    const char *scheme = sink->url ? sink->url->scheme : NULL;
    if (scheme && strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return error_set(error, -1, "url: is neither http:// nor https://");
    if (sink->bearer && sink->user)
        return error_set(error, -1, "bearer: cannot be together with user");
    return check_labels(sink, error);
}

/* ------------------------------------------------------------------ recipe ---- */

/* What encoding needs, in memory of its own: work on the pool may outlive sink and configuration. */
struct recipe {
    unsigned users; /* counted on the loop thread */
    const struct encoding *encoding;
    enum squeeze squeeze;
    struct encode_wish wish;
    char **labels, *index, *table;
};

static struct recipe *recipe_create(const struct http_options *config)
{
    struct recipe *recipe = mem_new(sizeof(*recipe));
    size_t count = 0;
    while (config->wish.labels && config->wish.labels[count])
        count++;
    recipe->labels = mem_array(count + 1, sizeof(*recipe->labels));
    for (size_t i = 0; i < count; i++)
        recipe->labels[i] = mem_copy(config->wish.labels[i]);
    recipe->index = mem_copy(config->wish.index);
    recipe->table = mem_copy(config->wish.table);
    recipe->wish =
        (struct encode_wish){(const char *const *)recipe->labels, recipe->index, recipe->table};
    recipe->encoding = encode_find(config->encoding);
    recipe->squeeze = squeeze_find(config->compress);
    recipe->users = 1;
    return recipe;
}

static void recipe_let_go(struct recipe *recipe)
{
    if (--recipe->users > 0)
        return;
    for (char **label = recipe->labels; *label; label++)
        free(*label);
    free(recipe->labels);
    free(recipe->index);
    free(recipe->table);
    free(recipe);
}

/* -------------------------------------------------------------------- self ---- */

struct self {
    struct loop *loop;
    const struct http_options *config;
    struct recipe *recipe;
    struct life life;
    sink_carried_fn *fn;
    void *data;
};

/* A parcel on its way through the pool. */
struct job {
    struct self *self; /* gone where the work ends with -ECANCELED */
    struct recipe *recipe;
    char *lines;
    struct sink_parcel parcel;
    struct text body;
    bool packed;
};

static void job_destroy(struct job *job)
{
    text_finish(&job->body);
    recipe_let_go(job->recipe);
    free(job->lines);
    free(job);
}

static void answer(struct self *self, const struct sink_answer *answer)
{
    sink_carried_fn *fn = self->fn;
    self->fn = NULL;
    fn(answer, self->data);
}

/* ----------------------------------------------------------------- answers ---- */

static enum sink_verdict verdict_of(int code)
{
    return code >= 200 && code < 300    ? SINK_TAKEN
           : code == 400 || code == 422 ? SINK_REFUSED
           : code == 413                ? SINK_TOO_BIG
                                        : SINK_LATER;
}

/* "HTTP 503: upstream is gone", or why nobody answered. */
static void explain(int status, const struct probe_response *response, struct text *out)
{
    if (status < 0) {
        text_add(out, response->message ? response->message : strerror(-status));
        return;
    }
    text_print(out, "it answered HTTP %d", response->code);
    MEM_AUTO char *body = redact_copy(response->body ? response->body : "", LONGEST_MESSAGE / 2);
    if (*body)
        text_print(out, ": %s", body);
}

static const char *header_of(const struct probe_response *response, const char *name)
{
    for (const struct probe_pair *pair = response->headers; pair && pair->name; pair++)
        if (strcasecmp(pair->name, name) == 0)
            return pair->value;
    return NULL;
}

/* It was taken; but the answer may say that some of it was not. */
static void judge(const struct self *self, const struct probe_response *response,
                  struct sink_answer *result, struct text *message)
{
    struct text TEXT_AUTO dense;
    text_init(&dense, response->body_len + 1);
    view_dense(response->body, response->body_len, &dense);
    self->recipe->encoding->judge((struct view){dense.bytes, dense.len}, result, message);
}

static void on_reply(int status, const struct probe_response *response, void *data)
{
    struct self *self = data;
    struct text TEXT_AUTO message;
    text_init(&message, LONGEST_MESSAGE);
    struct sink_answer result = {.verdict = SINK_LATER};
    /* A body too long to be read is an answer all the same. */
    if (status == 0 || (status == -EMSGSIZE && response->code))
        result.verdict = verdict_of(response->code);
    if (result.verdict != SINK_TAKEN)
        explain(status == -EMSGSIZE ? 0 : status, response, &message);
    else if (self->recipe->encoding->judge)
        judge(self, response, &result, &message);
    if (result.verdict == SINK_LATER)
        result.after_ms =
            http_after_ms(header_of(response, "retry-after"), loop_wall_ms(self->loop));
    result.message = message.len ? message.bytes : NULL;
    answer(self, &result);
}

/* ---------------------------------------------------------------- requests ---- */

static void collect_headers(const struct self *self, const struct job *job,
                            struct probe_pair *pairs)
{
    size_t count = 0;
    pairs[count++] =
        (struct probe_pair){.name = "Content-Type", .value = job->recipe->encoding->media};
    if (job->packed)
        pairs[count++] = (struct probe_pair){.name = "Content-Encoding",
                                             .value = squeeze_names[job->recipe->squeeze]};
    const struct probe_pair *more = self->config->headers;
    for (; more && more->name && count < MOST_HEADERS - 1; more++)
        pairs[count++] = *more;
    pairs[count] = (struct probe_pair){0};
}

static void post(struct self *self, const struct job *job)
{
    const struct http_options *config = self->config;
    const struct encoding *encoding = job->recipe->encoding;
    struct probe_pair headers[MOST_HEADERS], params[ENCODE_PARAMS] = {{0}};
    struct text TEXT_AUTO text;
    bool bare = !config->url->path || !*config->url->path || strcmp(config->url->path, "/") == 0;
    text_init(&text, 4096);
    collect_headers(self, job, headers);
    if (encoding->params)
        encoding->params(&job->recipe->wish, params, &text);
    const struct probe_request request = {
        .size = sizeof(request),
        .base = config->url,
        .path = bare ? encoding->path : NULL,
        .params = params,
        .method = "POST",
        .headers = headers,
        .body = job->body.bytes,
        .body_len = job->body.len,
        .bearer = config->bearer,
        .user = config->user,
        .password = config->password,
        .tls = config->tls,
        .timeout_ms = config->timeout_ms,
        .max_body = LONGEST_REPLY,
    };
    (void)http_send(&self->life, &request, on_reply, self);
}

static int make_body(void *data)
{
    struct job *job = data;
    struct text packed;
    if (!job->recipe->encoding->encode(&job->recipe->wish, &job->parcel, &job->body) ||
        job->body.cut)
        return -EBADMSG;
    text_init(&packed, LONGEST_BODY);
    job->packed = squeeze(job->recipe->squeeze, &job->body, &packed);
    if (job->packed) {
        text_finish(&job->body);
        job->body = packed;
    } else {
        text_finish(&packed);
    }
    return 0;
}

static void on_made(int status, void *data)
{
    struct job *job = data;
    if (status == 0)
        post(job->self, job);
    else if (status == -EBADMSG)
        answer(job->self,
               &(const struct sink_answer){.verdict = SINK_REFUSED,
                                           .message = "what waited is no event: the spool is "
                                                      "damaged"});
    job_destroy(job);
}

static void carry(void *data, const struct sink_parcel *parcel, sink_carried_fn *fn, void *fn_data)
{
    struct self *self = data;
    struct job *job = mem_new(sizeof(*job));
    self->fn = fn;
    self->data = fn_data;
    *job = (struct job){.self = self, .recipe = self->recipe};
    job->recipe->users++;
    job->lines = mem_copy_n(parcel->lines, parcel->len);
    job->parcel = (struct sink_parcel){job->lines, parcel->len, parcel->count};
    text_init(&job->body, LONGEST_BODY);
    (void)work_start(&self->life, make_body, on_made, job);
}

/* -------------------------------------------------------------- open, close ---- */

static void *open_sink(const struct sink_place *place)
{
    struct self *self = mem_new(sizeof(*self));
    self->loop = place->loop;
    self->config = place->config;
    self->recipe = recipe_create(self->config);
    life_init(&self->life, place->loop);
    return self;
}

static void close_sink(void *data)
{
    struct self *self = data;
    life_drop(&self->life);
    recipe_let_go(self->recipe);
    free(self);
}

const struct sink_type http_sink = {
    .face =
        {
            .name = "http",
            .summary = "events by HTTP POST, in one of several encodings",
            .options = options,
            .config_size = sizeof(struct http_options),
            .queued = true,
            .check = check,
        },
    .open = open_sink,
    .carry = carry,
    .close = close_sink,
};
