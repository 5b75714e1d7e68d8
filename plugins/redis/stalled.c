/*
 * queue_stalled - a queue in which something waits and from which nothing is taken.
 *
 * Between two runs something was taken if the entry that is next is another one, if there are fewer,
 * or, where the queue counts what is added, if fewer came to wait than were added.  Entries that are
 * all alike can hide it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "payload.h"
#include "redis.h"

static const char *const ends[] = {"tail", "head", NULL};

const struct probe_option stalled_options[] = {
    QUEUE_OPTIONS(struct stalled_config),
    {"consumed_from",
     PROBE_STRING_AT(struct stalled_config, consumed_from),
     .fallback = "tail",
     .choices = ends,
     .help =
         "at which end of a list workers take: tail, with LPUSH and BRPOP, as most do; or head"},
    {0},
};

const struct probe_measure stalled_measures[] = {
    {"length", "entries that wait", .kind = PROBE_GAUGE},
    {"stalled_seconds",
     "for how long something has waited and nothing was taken, since we look",
     .kind = PROBE_GAUGE},
    {"oldest_age_seconds",
     "of the entry that is next, where it tells its time",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"workers",
     "that serve it: of Bull by their names, of Sidekiq its processes, of a stream its consumers",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"active", "at work: of Bull jobs, of a stream entries", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

enum {
    LENGTH,
    HELD,
    ACTIVE,
    PRODUCED,
    NEXT,
    NEXT_ID,
    NEXT_SCORE,
    TIME,
    ENTRY,
    GROUPS,
    CLIENTS,
    NAMES,
    PROCESSES
};

enum { MANY_CLIENTS = 5000 }; /* whose names are not asked for: 300 bytes each */

/* %1: the end of a list; %2 is given where there are few clients. */
static const struct queue_step steps[] = {
    {QUEUE_BULL, {"LLEN", "%p:%n:wait"}, LENGTH},
    {QUEUE_BULL, {"LLEN", "%p:%n:paused"}, LENGTH},
    {QUEUE_BULL, {"ZCARD", "%p:%n:prioritized"}, LENGTH},
    {QUEUE_BULL, {"ZCARD", "%p:%n:delayed"}, HELD},
    {QUEUE_BULL, {"LLEN", "%p:%n:active"}, ACTIVE},
    {QUEUE_BULL, {"GET", "%p:%n:id"}, PRODUCED, true},
    {QUEUE_BULL, {"LINDEX", "%p:%n:wait", "-1"}, NEXT_ID},
    {QUEUE_BULL, {"HMGET", "%p:%n:%i", "timestamp"}, TIME, true},
    {QUEUE_BULL, {"INFO"}, CLIENTS, true},
    {QUEUE_BULL, {"CLIENT", "LIST", "TYPE", "%2"}, NAMES, true},
    {QUEUE_SIDEKIQ, {"LLEN", "queue:%n"}, LENGTH},
    {QUEUE_SIDEKIQ, {"LINDEX", "queue:%n", "-1"}, NEXT},
    {QUEUE_SIDEKIQ, {"SCARD", "processes"}, PROCESSES, true},
    {QUEUE_CELERY, {"LLEN", "%n"}, LENGTH},
    {QUEUE_CELERY,
     {"LLEN",
      "%n\x06\x16"
      "3"},
     LENGTH},
    {QUEUE_CELERY,
     {"LLEN",
      "%n\x06\x16"
      "6"},
     LENGTH},
    {QUEUE_CELERY,
     {"LLEN",
      "%n\x06\x16"
      "9"},
     LENGTH},
    {QUEUE_CELERY, {"LINDEX", "%n", "-1"}, NEXT},
    {QUEUE_LIST, {"LLEN", "%n"}, LENGTH},
    {QUEUE_LIST, {"LINDEX", "%n", "%1"}, NEXT},
    {QUEUE_ZSET, {"ZCARD", "%n"}, LENGTH},
    {QUEUE_ZSET, {"ZRANGE", "%n", "0", "0", "WITHSCORES"}, NEXT_SCORE},
    {QUEUE_SET, {"SCARD", "%n"}, LENGTH},
    {QUEUE_STREAM, {"XLEN", "%n"}, LENGTH},
    {QUEUE_STREAM, {"XINFO", "GROUPS", "%n"}, GROUPS},
    {QUEUE_STREAM, {"XRANGE", "%n", "%i", "+", "COUNT", "1"}, ENTRY, true},
    {0},
};

static struct stalled_run *state_of(struct probe_run *run)
{
    return run->data;
}

/* ------------------------------------------------------- Bull's workers ---- */

/* "bull:bWFpbHM=": how BullMQ calls the connections of a queue's workers. */
static void write_worker(struct stalled_run *state)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *name = (const unsigned char *)state->walk.name;
    size_t len = strlen(state->walk.name), at;
    at =
        (size_t)snprintf(state->worker, sizeof(state->worker), "%.60s:", state->walk.names->prefix);
    for (size_t i = 0; i < len && at + 5 < sizeof(state->worker); i += 3) {
        unsigned more = len - i > 2 ? 3 : (unsigned)(len - i);
        unsigned bits = (unsigned)name[i] << 16 | (more > 1 ? (unsigned)name[i + 1] << 8 : 0) |
                        (more > 2 ? name[i + 2] : 0);
        for (unsigned j = 0; j < 4; j++)
            state->worker[at++] = j <= more ? digits[bits >> (18 - 6 * j) & 63] : '=';
    }
    state->worker[at] = '\0';
}

/* Clients whose name is a worker's: "name=bull:bWFpbHM=" or "name=bull:bWFpbHM=:w:sender" */
static void count_workers(struct stalled_run *state, const char *clients)
{
    size_t len = strlen(state->worker);
    state->workers = 0;
    for (const char *at = clients; (at = strstr(at, " name=")) != NULL;) {
        at += strlen(" name=");
        state->workers +=
            strncmp(at, state->worker, len) == 0 && (at[len] == ' ' || at[len] == ':');
    }
}

/* ------------------------------------------------------------- answers ---- */

static void begin(struct probe_run *run)
{
    struct stalled_run *state = state_of(run);
    state->length = state->held = 0;
    state->produced = state->oldest_ms = state->workers = state->active = -1;
    state->mark = 0;
    state->walk.given[1] = NULL;
    write_worker(state);
}

static const char *const times[] = {
    "enqueued_at", "created_at", "timestamp", "enqueuedAt", "createdAt", NULL};

static void take_groups(struct stalled_run *state, const redisReply *reply)
{
    char after[64];
    struct stream_groups groups = stream_read_groups(reply);
    state->workers = groups.consumers;
    state->active = groups.pending;
    state->mark = groups.mark;
    if (groups.count == 0)
        return;
    if (groups.lag >= 0)
        state->length = groups.lag;
    if (state->length == 0)
        return;
    (void)snprintf(after, sizeof(after), "(%s", groups.slowest);
    walk_add_item(&state->walk, after);
}

/* [member, score]: what is meant for later does not wait yet. */
static void take_score(struct probe_run *run, const redisReply *reply)
{
    struct stalled_run *state = state_of(run);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING)
        return;
    state->mark = payload_mark(0, reply->element[0]->str, reply->element[0]->len);
    state->oldest_ms = payload_score_ms(reply->element[1]->str);
    if (state->oldest_ms > probe_wall(&run->life)) {
        state->length = 0;
        state->oldest_ms = -1;
    }
}

static void take_next(struct stalled_run *state, int tag, const redisReply *reply)
{
    state->mark = payload_mark(0, reply->str, reply->len);
    if (tag == NEXT_ID)
        walk_add_item(&state->walk, reply->str);
    else
        state->oldest_ms = payload_first_time(reply->str, times);
}

/* [[id, fields]] or [timestamp] */
/* [[id, fields]] or [timestamp] */
static void take_time(struct stalled_run *state, const redisReply *reply)
{
    const redisReply *first = reply->elements > 0 ? reply->element[0] : NULL;
    if (first && first->type == REDIS_REPLY_STRING)
        state->oldest_ms = strtoll(first->str, NULL, 10);
    else if (first && first->type == REDIS_REPLY_ARRAY && first->elements > 0 &&
             first->element[0]->type == REDIS_REPLY_STRING)
        state->oldest_ms = stream_id_ms(first->element[0]->str);
}

static void take_number(struct stalled_run *state, int tag, int64_t number)
{
    if (tag == LENGTH)
        state->length += number;
    else if (tag == HELD)
        state->held += number;
    else if (tag == ACTIVE)
        state->active = number;
    else
        state->workers = number;
}

static void take_text(struct stalled_run *state, int tag, const redisReply *reply)
{
    if (tag == PRODUCED)
        state->produced = strtoll(reply->str, NULL, 10);
    else if (tag == NAMES)
        count_workers(state, reply->str);
    else if (tag == CLIENTS)
        state->walk.given[1] =
            info_int(reply->str, "connected_clients", MANY_CLIENTS) < MANY_CLIENTS ? "normal"
                                                                                   : NULL;
    else
        take_next(state, tag, reply);
}

static void take_many(struct probe_run *run, int tag, const redisReply *reply)
{
    if (tag == GROUPS)
        take_groups(state_of(run), reply);
    else if (tag == NEXT_SCORE)
        take_score(run, reply);
    else
        take_time(state_of(run), reply);
}

/* Of which type an answer is to be; one that is not there is nil. */
static bool take(struct probe_run *run, int tag, const redisReply *reply)
{
    static const int types[] = {[LENGTH] = REDIS_REPLY_INTEGER,
                                [HELD] = REDIS_REPLY_INTEGER,
                                [ACTIVE] = REDIS_REPLY_INTEGER,
                                [PROCESSES] = REDIS_REPLY_INTEGER,
                                [PRODUCED] = REDIS_REPLY_STRING,
                                [NEXT] = REDIS_REPLY_STRING,
                                [NEXT_ID] = REDIS_REPLY_STRING,
                                [CLIENTS] = REDIS_REPLY_STRING,
                                [NAMES] = REDIS_REPLY_STRING,
                                [NEXT_SCORE] = REDIS_REPLY_ARRAY,
                                [TIME] = REDIS_REPLY_ARRAY,
                                [ENTRY] = REDIS_REPLY_ARRAY,
                                [GROUPS] = REDIS_REPLY_ARRAY};
    if (reply->type == REDIS_REPLY_NIL && types[tag] == REDIS_REPLY_STRING)
        return true;
    if (reply->type != types[tag])
        return false;
    if (reply->type == REDIS_REPLY_INTEGER)
        take_number(state_of(run), tag, reply->integer);
    else if (reply->type == REDIS_REPLY_STRING)
        take_text(state_of(run), tag, reply);
    else
        take_many(run, tag, reply);
    return true;
}

/* ------------------------------------------------------------- finding ---- */

/* How long nothing was taken while something waited; zero where that is not so. */
static double stalled_for(struct probe_run *run)
{
    const struct stalled_run *state = state_of(run);
    struct stalled_memory *memory = run->memory;
    struct stalled_sample *sample = &memory->samples[state->walk.at], before = *sample;
    uint64_t now = probe_now_us(&run->life);
    int64_t made = state->produced >= 0 ? state->produced - state->length - state->held : 0;
    bool taken = !before.seen || state->length == 0 || state->length < before.length ||
                 state->mark != before.mark || made > before.made;
    *sample = (struct stalled_sample){
        true, state->length, made, state->mark, taken ? now : before.progress_us};
    return (double)(now - sample->progress_us) / 1e6;
}

static void summarise(const struct stalled_run *state, double stalled, char *out, size_t room)
{
    if (state->length == 0)
        (void)snprintf(out, room, "nothing waits");
    else if (state->workers == 0)
        (void)snprintf(out, room, "%" PRId64 " wait, and nobody serves them", state->length);
    else if (stalled > 0)
        (void)snprintf(out,
                       room,
                       "%" PRId64 " wait, and nothing was taken for %.0f s",
                       state->length,
                       stalled);
    else
        (void)snprintf(out, room, "%" PRId64 " wait, and are taken", state->length);
}

static void report(struct probe_run *run)
{
    const struct stalled_run *state = state_of(run);
    double stalled = stalled_for(run);
    int64_t age = (probe_wall(&run->life) - state->oldest_ms) / 1000;
    struct probe_field fields[6];
    struct probe_field *field = fields;
    char summary[128];
    *field++ = probe_int("length", state->length);
    *field++ = probe_real("stalled_seconds", stalled);
    if (state->length > 0 && state->oldest_ms > 0)
        *field++ = probe_int("oldest_age_seconds", age > 0 ? age : 0);
    if (state->workers >= 0)
        *field++ = probe_int("workers", state->workers);
    if (state->active >= 0)
        *field++ = probe_int("active", state->active);
    *field = (struct probe_field){0};
    summarise(state, stalled, summary, sizeof(summary));
    probe_report(run,
                 .subject = state->walk.subject,
                 .summary = summary,
                 .hint = state->walk.hint[0] ? state->walk.hint : NULL,
                 .fields = fields);
}

/* ----------------------------------------------------------------- run ---- */

void stalled_run(struct probe_target *self, struct probe_run *run)
{
    const struct stalled_config *config = run->config;
    struct stalled_run *state = state_of(run);
    bool head = strcmp(config->consumed_from, "head") == 0;
    (void)self;
    state->walk = (struct queue_walk){.names = &config->names,
                                      .steps = steps,
                                      .given = {head ? "0" : "-1"},
                                      .begin = begin,
                                      .take = take,
                                      .report = report};
    walk_start(run);
}

int stalled_prepare(const void *config_data, void *memory_data, struct probe_error *error)
{
    const struct stalled_config *config = config_data;
    struct stalled_memory *memory = memory_data;
    int status = queue_prepare(&config->names, error);
    if (status != 0)
        return status;
    memory->samples = calloc(queue_count(&config->names), sizeof(*memory->samples));
    if (!memory->samples)
        abort(); /* out of memory */
    return 0;
}

void stalled_forget(void *memory_data)
{
    struct stalled_memory *memory = memory_data;
    free(memory->samples);
}
