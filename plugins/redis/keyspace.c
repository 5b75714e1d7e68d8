/*
 * keyspace - how many keys there are, and whether they go as they should; cache_hit_ratio - how many
 * lookups find their key, of those within a window and not since the server began.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "common/percent.h"
#include "redis.h"
#include "rows.h"

const struct probe_measure keyspace_measures[] = {
    {"keys", "in all databases", .kind = PROBE_GAUGE},
    {"expires", "keys that have a time to live", .kind = PROBE_GAUGE},
    {"expires_percent", "of all keys", .kind = PROBE_GAUGE},
    {"expired", "keys whose time was over", .kind = PROBE_COUNTER},
    {"evicted", "keys dropped to make room", .kind = PROBE_COUNTER},
    {"mean_ttl_seconds", "how long those live that expire", .kind = PROBE_GAUGE},
    {"lost_percent",
     "keys of the last run that are gone, neither expired nor evicted: FLUSHALL, or a restart",
     .kind = PROBE_GAUGE,
     .optional = true},
    {0},
};

const struct probe_option hits_options[] = {
    {"window",
     PROBE_DURATION_AT(struct hits_config, window_ms),
     .fallback = "5m",
     .min = 1000,
     .max = 86400000,
     .help = "over which lookups are counted"},
    {"least",
     PROBE_INT_AT(struct hits_config, least),
     .fallback = "100",
     .max = 1000000000,
     .help = "lookups within the window, below which there is no ratio"},
    {0},
};

const struct probe_measure hits_measures[] = {
    {"hits", "lookups that found their key", .kind = PROBE_COUNTER},
    {"misses", "lookups that did not", .kind = PROBE_COUNTER},
    {"lookups", "within the window", .kind = PROBE_GAUGE},
    {"hit_percent", "of the lookups within the window", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

/* ------------------------------------------------------------ keyspace ---- */

enum { FEW_KEYS = 1000 }; /* with fewer, half of them may go by themselves */

struct keys {
    int64_t keys, expires, ttl_ms; /* the mean of those that expire */
    struct rows rows;
};

static const struct probe_column database_columns[] = {
    {"db", PROBE_FIELD_INT}, {"keys", PROBE_FIELD_INT}, {"expires", PROBE_FIELD_INT}};

/* "db0:keys=12,expires=3,avg_ttl=4711" */
static void read_keys(const char *info, struct keys *keys)
{
    char number[24];
    *keys = (struct keys){0};
    ROWS_INIT(&keys->rows, database_columns);
    for (const char *line = strstr(info, "\ndb"); line; line = strstr(line + 1, "\ndb")) {
        const char *values = strchr(line, ':');
        if (!values || line[3] < '0' || line[3] > '9')
            continue;
        info_part(values + 1, "keys", number, sizeof(number));
        int64_t count = strtoll(number, NULL, 10);
        info_part(values + 1, "expires", number, sizeof(number));
        int64_t expires = strtoll(number, NULL, 10);
        info_part(values + 1, "avg_ttl", number, sizeof(number));
        keys->ttl_ms = expires > keys->expires ? strtoll(number, NULL, 10) : keys->ttl_ms;
        keys->keys += count;
        keys->expires += expires;
        if (!rows_begin(&keys->rows))
            continue;
        rows_cell(&keys->rows, "%.*s", (int)(values - line - 3), line + 3);
        rows_cell(&keys->rows, "%" PRId64, count);
        rows_cell(&keys->rows, "%" PRId64, expires);
    }
}

/* Of the keys of the last run, those that went otherwise than by their time or for want of room. */
static bool lost_since(struct probe_run *run, int64_t keys, int64_t gone, double *ret_percent)
{
    struct keyspace_memory *memory = run->memory, before = *memory;
    *memory = (struct keyspace_memory){true, keys, gone};
    if (!before.seen)
        return false;
    int64_t went = gone >= before.gone ? gone - before.gone : gone; /* smaller: it was restarted */
    int64_t lost = before.keys - keys - went;
    *ret_percent = lost > 0 && before.keys >= FEW_KEYS ? percent_of(lost, before.keys) : 0;
    return true;
}

static void on_keyspace(struct probe_run *run, const redisReply *reply)
{
    struct keys keys;
    struct probe_table table;
    struct probe_field fields[10];
    struct probe_field *field = fields;
    char summary[128];
    double lost;
    if (!numbers_has(run, reply, "expired_keys"))
        return;
    read_keys(reply->str, &keys);
    int64_t expired = info_int(reply->str, "expired_keys", 0);
    int64_t evicted = info_int(reply->str, "evicted_keys", 0);
    *field++ = probe_int("keys", keys.keys);
    *field++ = probe_int("expires", keys.expires);
    *field++ = probe_real("expires_percent", percent_of(keys.expires, keys.keys));
    *field++ = probe_int("expired", expired);
    *field++ = probe_int("evicted", evicted);
    *field++ = probe_real("mean_ttl_seconds", (double)keys.ttl_ms / 1000.0);
    if (lost_since(run, keys.keys, expired + evicted, &lost))
        *field++ = probe_real("lost_percent", lost);
    if (keys.rows.total > 0)
        *field++ = rows_field(&keys.rows, "by_database", &table);
    *field = (struct probe_field){0};
    (void)snprintf(summary,
                   sizeof(summary),
                   "%" PRId64 " keys, of which %" PRId64 " expire",
                   keys.keys,
                   keys.expires);
    probe_report(run, .summary = summary, .fields = fields);
    probe_done(run);
}

void keyspace_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    numbers_ask(run, on_keyspace);
}

/* ----------------------------------------------------- cache_hit_ratio ---- */

/* Takes a sample, and forgets those that lie before the window but for the last of them. */
static void take_sample(struct hits_memory *memory, struct hits_sample now, uint64_t window_us)
{
    size_t old = 0;
    if (memory->count > 0) {
        const struct hits_sample *last = &memory->samples[memory->count - 1];
        if (now.hits < last->hits || now.misses < last->misses)
            memory->count = 0; /* counted from zero again */
    }
    while (old + 1 < memory->count && now.at_us - memory->samples[old + 1].at_us >= window_us)
        old++;
    if (old == 0 && memory->count == HITS_SAMPLES)
        old = 1;
    memmove(memory->samples, memory->samples + old, (memory->count - old) * sizeof(now));
    memory->count -= old;
    memory->samples[memory->count++] = now;
}

static void on_hits(struct probe_run *run, const redisReply *reply)
{
    const struct hits_config *config = run->config;
    struct hits_memory *memory = run->memory;
    struct probe_field fields[7];
    struct probe_field *field = fields;
    char summary[128];
    if (!numbers_has(run, reply, "keyspace_hits"))
        return;
    const struct hits_sample now = {probe_now_us(&run->life),
                                    info_int(reply->str, "keyspace_hits", 0),
                                    info_int(reply->str, "keyspace_misses", 0)};
    take_sample(memory, now, (uint64_t)config->window_ms * 1000);
    const struct hits_sample *first = &memory->samples[0];
    int64_t hits = now.hits - first->hits, lookups = hits + now.misses - first->misses;
    *field++ = probe_int("hits", now.hits);
    *field++ = probe_int("misses", now.misses);
    *field++ = probe_int("lookups", lookups);
    *field++ = probe_real("window_seconds", (double)(now.at_us - first->at_us) / 1e6);
    if (lookups > 0 && lookups >= config->least)
        *field++ = probe_real("hit_percent", percent_of(hits, lookups));
    *field = (struct probe_field){0};
    if (memory->count == 1)
        (void)snprintf(summary, sizeof(summary), "counting begins; the next run knows the ratio");
    else if (lookups == 0 || lookups < config->least)
        (void)snprintf(
            summary, sizeof(summary), "%" PRId64 " lookups, too few for a ratio", lookups);
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%.1f %% of %" PRId64 " lookups found their key",
                       percent_of(hits, lookups),
                       lookups);
    probe_report(run, .summary = summary, .fields = fields);
    probe_done(run);
}

void hits_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    numbers_ask(run, on_hits);
}
