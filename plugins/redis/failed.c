/*
 * queue_failed - jobs that failed and are kept: how many, how old, and why, as far as that can be told
 * without repeating what is in them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "payload.h"
#include "redis.h"

const struct probe_option failed_options[] = {
    QUEUE_OPTIONS(struct failed_config),
    {"sample",
     PROBE_INT_AT(struct failed_config, sample),
     .fallback = "10",
     .min = 1,
     .max = 20,
     .help = "how many of the last ones are looked at"},
    {0},
};

const struct probe_measure failed_measures[] = {
    {"count", "jobs that failed and are kept", .kind = PROBE_GAUGE},
    {"oldest_age_seconds",
     "of the oldest of them, where it tells its time",
     .kind = PROBE_GAUGE,
     .optional = true},
    {0},
};

enum { COUNT, OLDEST_SCORE, OLDEST_ID, OLDEST_PAYLOAD, IDS, BULL_JOB, PAYLOADS, ENTRIES };

/* %1: the first of the last ones, from the end; %2: the last of the first ones; %3: how many. */
static const struct queue_step steps[] = {
    {QUEUE_BULL, {"ZCARD", "%p:%n:failed"}, COUNT},
    {QUEUE_BULL, {"ZRANGE", "%p:%n:failed", "0", "0", "WITHSCORES"}, OLDEST_SCORE, true},
    {QUEUE_BULL, {"ZRANGE", "%p:%n:failed", "%1", "-1"}, IDS, true},
    {QUEUE_BULL,
     {"HMGET", "%p:%n:%i", "name", "failedReason", "finishedOn", "attemptsMade"},
     BULL_JOB,
     true},
    {QUEUE_SIDEKIQ, {"ZCARD", "dead"}, COUNT},
    {QUEUE_SIDEKIQ, {"ZRANGE", "dead", "0", "0", "WITHSCORES"}, OLDEST_SCORE, true},
    {QUEUE_SIDEKIQ, {"ZRANGE", "dead", "%1", "-1"}, PAYLOADS, true},
    {QUEUE_LIST, {"LLEN", "%n"}, COUNT},
    {QUEUE_LIST, {"LRANGE", "%n", "-1", "-1"}, OLDEST_PAYLOAD, true},
    {QUEUE_LIST, {"LRANGE", "%n", "0", "%2"}, PAYLOADS, true},
    {QUEUE_ZSET, {"ZCARD", "%n"}, COUNT},
    {QUEUE_ZSET, {"ZRANGE", "%n", "0", "0", "WITHSCORES"}, OLDEST_SCORE, true},
    {QUEUE_ZSET, {"ZRANGE", "%n", "%1", "-1"}, PAYLOADS, true},
    {QUEUE_STREAM, {"XLEN", "%n"}, COUNT},
    {QUEUE_STREAM, {"XRANGE", "%n", "-", "+", "COUNT", "1"}, OLDEST_ID, true},
    {QUEUE_STREAM, {"XREVRANGE", "%n", "+", "-", "COUNT", "%3"}, ENTRIES, true},
    {QUEUE_SET, {"SCARD", "%n"}, COUNT},
    {0},
};

static struct failed_run *state_of(struct probe_run *run)
{
    return run->data;
}

/* ------------------------------------------------------------- reasons ---- */

static void count_reason(struct failed_run *state, const char *reason)
{
    for (size_t i = 0; i < state->reason_count; i++)
        if (strcmp(state->reasons[i].text, reason) == 0) {
            state->reasons[i].count++;
            return;
        }
    if (state->reason_count == FAILED_REASONS)
        return;
    struct failed_reason *added = &state->reasons[state->reason_count++];
    (void)snprintf(added->text, sizeof(added->text), "%s", reason);
    added->count = 1;
}

static int by_count(const void *a, const void *b)
{
    const struct failed_reason *left = a, *right = b;
    return (left->count < right->count) - (left->count > right->count);
}

/* -------------------------------------------------------------- sample ---- */

static const struct probe_column job_columns[] = {{"job", PROBE_FIELD_TEXT},
                                                  {"error", PROBE_FIELD_TEXT},
                                                  {"at", PROBE_FIELD_TIME},
                                                  {"attempts", PROBE_FIELD_INT},
                                                  {"payload_bytes", PROBE_FIELD_INT}};

/* A job as it may be shown; what is not known is NULL or -1. */
struct job {
    const char *name, *error;
    int64_t at_ms, attempts, bytes;
};

static void cell_number(struct rows *rows, int64_t value)
{
    if (value >= 0)
        rows_cell(rows, "%" PRId64, value);
    else
        rows_null(rows);
}

static void add_job(struct failed_run *state, const struct job *job)
{
    char name[80] = "", error[FAILED_REASON] = "";
    payload_mask(job->name ? job->name : "", name, sizeof(name));
    payload_mask(job->error ? job->error : "", error, sizeof(error));
    if (error[0])
        count_reason(state, error);
    if (!rows_begin(&state->rows))
        return;
    if (name[0])
        rows_cell(&state->rows, "%s", name);
    else
        rows_null(&state->rows);
    if (error[0])
        rows_cell(&state->rows, "%s", error);
    else
        rows_null(&state->rows);
    cell_number(&state->rows, job->at_ms);
    cell_number(&state->rows, job->attempts);
    cell_number(&state->rows, job->bytes);
}

/* The first of these members that a payload has. */
static bool first_of(const char *json, const char *const *members, char *out, size_t room)
{
    for (; *members; members++)
        if (payload_member(json, *members, out, room))
            return true;
    return false;
}

static const char *const times[] = {
    "failed_at", "failedAt", "finishedOn", "timestamp", "enqueued_at", "created_at", NULL};

static void add_payload(struct failed_run *state, const redisReply *payload)
{
    static const char *const names[] = {
        "class", "name", "job", "task", "displayName", "type", NULL};
    static const char *const errors[] = {
        "failedReason", "error_message", "errorMessage", "error", "exception", "message", NULL};
    char name[120] = "", kind[80] = "", words[400] = "", error[500];
    struct job job = {NULL, NULL, -1, -1, -1};
    if (payload->type != REDIS_REPLY_STRING)
        return;
    job.bytes = (int64_t)payload->len;
    job.at_ms = payload_first_time(payload->str, times);
    if (first_of(payload->str, names, name, sizeof(name)))
        job.name = name;
    bool typed = payload_member(payload->str, "error_class", kind, sizeof(kind));
    bool told = first_of(payload->str, errors, words, sizeof(words));
    (void)snprintf(error, sizeof(error), "%s%s%s", kind, typed && told ? ": " : "", words);
    job.error = typed || told ? error : NULL;
    add_job(state, &job);
}

/* [name, failedReason, finishedOn, attemptsMade] */
static void add_bull(struct failed_run *state, const redisReply *fields)
{
    const char *texts[4] = {NULL};
    for (size_t i = 0; fields->type == REDIS_REPLY_ARRAY && i < 4 && i < fields->elements; i++)
        if (fields->element[i]->type == REDIS_REPLY_STRING)
            texts[i] = fields->element[i]->str;
    add_job(state,
            &(const struct job){texts[0],
                                texts[1],
                                texts[2] ? strtoll(texts[2], NULL, 10) : -1,
                                texts[3] ? strtoll(texts[3], NULL, 10) : -1,
                                -1});
}

/* [id, [name, value, ...]] */
static void add_entry(struct failed_run *state, const redisReply *entry)
{
    struct job job = {NULL, NULL, -1, -1, -1};
    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
        entry->element[0]->type != REDIS_REPLY_STRING ||
        entry->element[1]->type != REDIS_REPLY_ARRAY)
        return;
    const redisReply *fields = entry->element[1];
    job.at_ms = stream_id_ms(entry->element[0]->str);
    job.bytes = 0;
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        const redisReply *name = fields->element[i], *value = fields->element[i + 1];
        if (name->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING)
            return;
        job.bytes += (int64_t)(name->len + value->len);
        if (strstr(name->str, "error") || strcmp(name->str, "exception") == 0)
            job.error = value->str;
    }
    add_job(state, &job);
}

/* ------------------------------------------------------------- answers ---- */

static void begin(struct probe_run *run)
{
    struct failed_run *state = state_of(run);
    state->count = 0;
    state->oldest_ms = -1;
    state->reason_count = 0;
    ROWS_INIT(&state->rows, job_columns);
}

static void take_all(struct failed_run *state, int tag, const redisReply *all)
{
    for (size_t i = 0; i < all->elements; i++) {
        const redisReply *one = all->element[i];
        if (tag == IDS && one->type == REDIS_REPLY_STRING)
            walk_add_item(&state->walk, one->str);
        else if (tag == PAYLOADS)
            add_payload(state, one);
        else if (tag == ENTRIES)
            add_entry(state, one);
    }
}

static void take_oldest(struct failed_run *state, int tag, const redisReply *first)
{
    if (tag == OLDEST_ID && first->type == REDIS_REPLY_ARRAY && first->elements > 0 &&
        first->element[0]->type == REDIS_REPLY_STRING)
        state->oldest_ms = stream_id_ms(first->element[0]->str);
    else if (tag == OLDEST_PAYLOAD && first->type == REDIS_REPLY_STRING)
        state->oldest_ms = payload_first_time(first->str, times);
}

static bool take(struct probe_run *run, int tag, const redisReply *reply)
{
    struct failed_run *state = state_of(run);
    if (tag == COUNT) {
        state->count = reply->integer;
        return reply->type == REDIS_REPLY_INTEGER;
    }
    if (reply->type != REDIS_REPLY_ARRAY)
        return false;
    if (tag == BULL_JOB)
        add_bull(state, reply);
    else if (tag == OLDEST_SCORE && reply->elements == 2 &&
             reply->element[1]->type == REDIS_REPLY_STRING)
        state->oldest_ms = payload_score_ms(reply->element[1]->str);
    else if ((tag == OLDEST_ID || tag == OLDEST_PAYLOAD) && reply->elements > 0)
        take_oldest(state, tag, reply->element[0]);
    else
        take_all(state, tag, reply);
    return true;
}

/* ------------------------------------------------------------- finding ---- */

static const struct probe_column reason_columns[] = {{"error", PROBE_FIELD_TEXT},
                                                     {"count", PROBE_FIELD_INT}};

static void report(struct probe_run *run)
{
    struct failed_run *state = state_of(run);
    struct probe_table jobs, reasons;
    struct rows top;
    struct probe_field fields[5];
    struct probe_field *field = fields;
    int64_t age = (probe_wall(&run->life) - state->oldest_ms) / 1000;
    char summary[200];
    qsort(state->reasons, state->reason_count, sizeof(state->reasons[0]), by_count);
    ROWS_INIT(&top, reason_columns);
    for (size_t i = 0; i < state->reason_count && rows_begin(&top); i++) {
        rows_cell(&top, "%s", state->reasons[i].text);
        rows_cell(&top, "%" PRId64, state->reasons[i].count);
    }
    *field++ = probe_int("count", state->count);
    if (state->oldest_ms > 0)
        *field++ = probe_int("oldest_age_seconds", age > 0 ? age : 0);
    if (state->rows.total > 0)
        *field++ = rows_field(&state->rows, "last", &jobs);
    if (top.total > 0)
        *field++ = rows_field(&top, "top_errors", &reasons);
    *field = (struct probe_field){0};
    if (state->count == 0)
        (void)snprintf(summary, sizeof(summary), "no failed job is kept");
    else if (state->reason_count > 0)
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " failed jobs are kept, most lately for: %.100s",
                       state->count,
                       state->reasons[0].text);
    else
        (void)snprintf(summary, sizeof(summary), "%" PRId64 " failed jobs are kept", state->count);
    probe_report(run,
                 .subject = state->walk.subject,
                 .summary = summary,
                 .hint = state->walk.hint[0] ? state->walk.hint : NULL,
                 .fields = fields);
}

/* ----------------------------------------------------------------- run ---- */

void failed_run(struct probe_target *self, struct probe_run *run)
{
    const struct failed_config *config = run->config;
    struct failed_run *state = state_of(run);
    (void)self;
    (void)snprintf(state->first, sizeof(state->first), "-%" PRId64, config->sample);
    (void)snprintf(state->last, sizeof(state->last), "%" PRId64, config->sample - 1);
    (void)snprintf(state->sample, sizeof(state->sample), "%" PRId64, config->sample);
    state->walk = (struct queue_walk){.names = &config->names,
                                      .steps = steps,
                                      .given = {state->first, state->last, state->sample},
                                      .begin = begin,
                                      .take = take,
                                      .report = report};
    walk_start(run);
}

int failed_prepare(const void *config_data, void *memory_data, struct probe_error *error)
{
    const struct failed_config *config = config_data;
    (void)memory_data;
    if (config->names.celery[0])
        return probe_refuse(error, "celery", "Celery keeps no failed jobs; name a key of your own");
    return queue_prepare(&config->names, error);
}
