/*
 * queue_depth - how much work waits: keys of any type that can be a queue, and the queues of Bull,
 * Sidekiq and Celery by name.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "redis.h"
#include "rows.h"

const struct probe_option queues_options[] = {QUEUE_OPTIONS(struct queues_config), {0}};

const struct probe_measure queues_measures[] = {
    {"length",
     "entries that wait; of Bull also paused and prioritized ones, of a stream those that its "
     "slowest group has not read",
     .kind = PROBE_GAUGE},
    {"exists", "whether there is such a key; an empty list is none", .kind = PROBE_FLAG},
    {"slope_per_minute",
     "by how much it grows, since the last run",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"active",
     "at work: of Bull and Celery jobs, of a stream entries that were read and not acknowledged",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"delayed",
     "for later: of Bull; of Sidekiq the scheduled ones and retries of all its queues",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"failed",
     "jobs that failed and are kept: of Bull; of Sidekiq the dead of all its queues",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"paused", "of Bull: jobs in a paused queue", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

/* What an answer counts; the first two wait. */
enum { WAITS, PAUSED, ACTIVE, DELAYED, FAILED, THERE, GROUPS };

/*
 * Bull's jobs wait in ":wait"; there is no ":waiting", though many look for it.  Celery puts \6\x16
 * and the priority behind a queue's name, but for the highest.
 */
static const struct queue_step steps[] = {
    {QUEUE_BULL, {"LLEN", "%p:%n:wait"}, WAITS},
    {QUEUE_BULL, {"LLEN", "%p:%n:paused"}, PAUSED},
    {QUEUE_BULL, {"ZCARD", "%p:%n:prioritized"}, WAITS},
    {QUEUE_BULL, {"LLEN", "%p:%n:active"}, ACTIVE},
    {QUEUE_BULL, {"ZCARD", "%p:%n:delayed"}, DELAYED},
    {QUEUE_BULL, {"ZCARD", "%p:%n:failed"}, FAILED},
    {QUEUE_BULL, {"EXISTS", "%p:%n:id"}, THERE}, /* a counter: there since the first job */
    {QUEUE_SIDEKIQ, {"LLEN", "queue:%n"}, WAITS},
    {QUEUE_SIDEKIQ, {"ZCARD", "schedule"}, DELAYED},
    {QUEUE_SIDEKIQ, {"ZCARD", "retry"}, DELAYED},
    {QUEUE_SIDEKIQ, {"ZCARD", "dead"}, FAILED},
    {QUEUE_CELERY, {"LLEN", "%n"}, WAITS},
    {QUEUE_CELERY,
     {"LLEN",
      "%n\x06\x16"
      "3"},
     WAITS},
    {QUEUE_CELERY,
     {"LLEN",
      "%n\x06\x16"
      "6"},
     WAITS},
    {QUEUE_CELERY,
     {"LLEN",
      "%n\x06\x16"
      "9"},
     WAITS},
    {QUEUE_CELERY, {"ZCARD", "unacked_index"}, ACTIVE},
    {QUEUE_LIST, {"LLEN", "%n"}, WAITS},
    {QUEUE_ZSET, {"ZCARD", "%n"}, WAITS},
    {QUEUE_SET, {"SCARD", "%n"}, WAITS},
    {QUEUE_STREAM, {"XLEN", "%n"}, WAITS},
    {QUEUE_STREAM, {"XINFO", "GROUPS", "%n"}, GROUPS, .spare = true},
    {0},
};

static const char *type_word(enum queue_kind kind)
{
    static const char *const words[] = {[QUEUE_BULL] = "bull",
                                        [QUEUE_SIDEKIQ] = "sidekiq",
                                        [QUEUE_CELERY] = "celery",
                                        [QUEUE_LIST] = "list",
                                        [QUEUE_STREAM] = "stream",
                                        [QUEUE_ZSET] = "zset",
                                        [QUEUE_SET] = "set",
                                        [QUEUE_NONE] = "none"};
    return words[kind];
}

/* ------------------------------------------------------------- answers ---- */

static void begin(struct probe_run *run)
{
    struct queues_run *state = run->data;
    memset(state->counts, 0, sizeof(state->counts));
    memset(state->asked, 0, sizeof(state->asked));
    state->groups = (struct stream_groups){.lag = -1};
}

static bool take(struct probe_run *run, int tag, const redisReply *reply)
{
    struct queues_run *state = run->data;
    if (tag == GROUPS) {
        state->groups = stream_read_groups(reply);
        return reply->type == REDIS_REPLY_ARRAY;
    }
    state->asked[tag] = true;
    state->counts[tag] += reply->integer;
    return reply->type == REDIS_REPLY_INTEGER;
}

/* Per minute since the last run; false in the first one. */
static bool slope_of(struct probe_run *run, size_t queue, int64_t length, double *ret_slope)
{
    struct queues_memory *memory = run->memory;
    struct queue_sample *sample = &memory->samples[queue];
    struct queue_sample before = *sample;
    *sample = (struct queue_sample){length, probe_now_us(&run->life)};
    if (before.at_us == 0 || sample->at_us <= before.at_us)
        return false;
    *ret_slope = 60e6 * (double)(length - before.length) / (double)(sample->at_us - before.at_us);
    return true;
}

/* "1500 entries wait, 30 more a minute" */
static void summarise(int64_t length, bool exists, const double *slope, char *out, size_t room)
{
    int len;
    if (!exists || length == 0) {
        (void)snprintf(
            out, room, "%s", exists ? "nothing waits" : "no such key: empty, or never used");
        return;
    }
    len =
        snprintf(out, room, "%" PRId64 " %s", length, length == 1 ? "entry waits" : "entries wait");
    if (slope && (*slope >= 1 || *slope <= -1))
        (void)snprintf(out + len,
                       room - (size_t)len,
                       ", %.0f %s a minute",
                       *slope > 0 ? *slope : -*slope,
                       *slope > 0 ? "more" : "fewer");
}

/* The name that everybody tries first is one that Bull never writes. */
static const char *hint_for(const struct queue_walk *walk, bool exists)
{
    static const char habit[] = ":waiting";
    size_t len = strlen(walk->name), tail = sizeof(habit) - 1;
    if (walk->hint[0])
        return walk->hint;
    if (exists)
        return NULL;
    if (walk->kind == QUEUE_NONE && len > tail && strcmp(walk->name + len - tail, habit) == 0)
        return "Bull calls it \":wait\"; better ask by the option `bull`";
    return walk->kind == QUEUE_BULL ? "see the name and the option `prefix`" : NULL;
}

/* Of a stream what its slowest group has not read, where the server tells it, as since 7.0. */
static int64_t length_of(const struct queues_run *state)
{
    if (state->walk.kind == QUEUE_STREAM && state->groups.lag >= 0)
        return state->groups.lag;
    return state->counts[WAITS] + state->counts[PAUSED];
}

static bool is_there(const struct queues_run *state)
{
    if (state->walk.kind != QUEUE_BULL)
        return state->walk.kind == QUEUE_SIDEKIQ || state->walk.kind == QUEUE_CELERY
                   ? state->counts[WAITS] > 0
                   : state->walk.kind != QUEUE_NONE;
    for (size_t i = 0; i < QUEUES_COUNTS; i++)
        if (state->counts[i] > 0)
            return true;
    return false;
}

static struct probe_field *add_stream(struct probe_field *field, struct queues_run *state,
                                      struct probe_table *table)
{
    *field++ = probe_int("entries", state->counts[WAITS]);
    if (state->groups.count == 0)
        return field;
    *field++ = probe_int("active", state->groups.pending);
    *field++ = rows_field(&state->groups.rows, "by_group", table);
    return field;
}

static void report(struct probe_run *run)
{
    static const char *const names[QUEUES_COUNTS] = {
        [PAUSED] = "paused", [ACTIVE] = "active", [DELAYED] = "delayed", [FAILED] = "failed"};
    struct queues_run *state = run->data;
    struct probe_table table;
    struct probe_field fields[12];
    struct probe_field *field = fields;
    int64_t length = length_of(state);
    bool exists = is_there(state), sloped;
    char summary[96];
    double slope;
    *field++ = probe_int("length", length);
    *field++ = probe_bool("exists", exists);
    sloped = slope_of(run, state->walk.at, length, &slope);
    if (sloped)
        *field++ = probe_real("slope_per_minute", slope);
    *field++ = probe_text("type", type_word(state->walk.kind));
    for (size_t i = 0; i < QUEUES_COUNTS; i++)
        if (names[i] && state->asked[i])
            *field++ = probe_int(names[i], state->counts[i]);
    if (state->walk.kind == QUEUE_STREAM)
        field = add_stream(field, state, &table);
    *field = (struct probe_field){0};
    summarise(length, exists, sloped ? &slope : NULL, summary, sizeof(summary));
    probe_report(run,
                 .subject = state->walk.subject,
                 .summary = summary,
                 .hint = hint_for(&state->walk, exists),
                 .fields = fields);
}

/* ----------------------------------------------------------------- run ---- */

void queues_run(struct probe_target *self, struct probe_run *run)
{
    const struct queues_config *config = run->config;
    struct queues_run *state = run->data;
    (void)self;
    state->walk = (struct queue_walk){
        .names = &config->names, .steps = steps, .begin = begin, .take = take, .report = report};
    walk_start(run);
}

int queues_prepare(const void *config_data, void *memory_data, struct probe_error *error)
{
    const struct queues_config *config = config_data;
    struct queues_memory *memory = memory_data;
    int status = queue_prepare(&config->names, error);
    if (status != 0)
        return status;
    memory->samples = calloc(queue_count(&config->names), sizeof(*memory->samples));
    if (!memory->samples)
        abort(); /* out of memory */
    return 0;
}

void queues_forget(void *memory_data)
{
    struct queues_memory *memory = memory_data;
    free(memory->samples);
}
