/*
 * pools - each pool, that is a database as one user: who waits, for how long, and why.
 *
 * SHOW POOLS counts, SHOW DATABASES knows limits and pauses, SHOW STATS how fast it goes.  Columns
 * are found by name: what a version does not have is absent.  With more pools than have a place the
 * busiest are told one by one, and the others as a sum.
 */
#include <inttypes.h>
#include <string.h>

#include "common/percent.h"
#include "pgbouncer.h"

enum { ACTIVE, PAUSED, DISABLED };
const char *const pools_states[] = {
    [ACTIVE] = "active", [PAUSED] = "paused", [DISABLED] = "disabled", NULL};

static const char own[] = "pgbouncer"; /* the console itself is a database */

/* ------------------------------------------------------------- choosing ---- */

static bool is_wanted(const struct probe_run *run, const char *database)
{
    const struct pools_config *config = run->config;

    if (!database || strcmp(database, own) == 0)
        return false;
    if (!config->databases || !*config->databases)
        return true;
    for (const char *const *name = config->databases; *name; name++)
        if (strcmp(*name, database) == 0)
            return true;
    return false;
}

static bool is_busier(const struct pool *a, const struct pool *b)
{
    return a->waiting != b->waiting ? a->waiting > b->waiting : a->active > b->active;
}

static void add_up(struct pools_run *pools, const struct pool *pool)
{
    struct pool *others = &pools->others;

    pools->other_count++;
    others->active += pool->active;
    others->waiting += pool->waiting;
    others->used += pool->used;
    others->connected += pool->connected;
    if (pool->wait_seconds > others->wait_seconds)
        others->wait_seconds = pool->wait_seconds;
}

static void place(struct pools_run *pools, const struct pool *pool)
{
    struct pool *least = &pools->pools[0];

    if (pools->count < POOLS_MOST) {
        pools->pools[pools->count++] = *pool;
        return;
    }
    for (size_t i = 1; i < POOLS_MOST; i++)
        if (is_busier(least, &pools->pools[i]))
            least = &pools->pools[i];
    if (is_busier(pool, least)) {
        add_up(pools, least);
        *least = *pool;
    } else {
        add_up(pools, pool);
    }
}

/* ------------------------------------------------- waiting to be let in ---- */

/* FNV-1a over the pool's two names. */
static uint64_t fingerprint(const struct pool *pool)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *at = pool->database; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
    for (const char *at = pool->user; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3) + 1;
    return hash;
}

static bool is_stuck(const struct pool *pool)
{
    return pool->waiting > 0 && pool->connected == 0 && pool->wait_seconds < 1;
}

/*
 * A client of a pool that never had a server connection waits to be let in, which PgBouncer does
 * not count as waiting: maxwait stays zero.  So the time is taken here, from run to run.
 */
static void clock_stuck(struct probe_run *run)
{
    struct pools_run *pools = run->data;
    struct pools_memory *before = run->memory, now = {0};

    for (size_t i = 0; i < pools->count; i++) {
        struct pool *pool = &pools->pools[i];
        if (!is_stuck(pool))
            continue;
        struct pool_stuck *stuck = &now.stuck[now.count++];
        *stuck = (struct pool_stuck){fingerprint(pool), probe_now_us(&run->life)};
        for (size_t j = 0; j < before->count; j++)
            if (before->stuck[j].pool == stuck->pool)
                stuck->since_us = before->stuck[j].since_us;
        double seconds = (double)(probe_now_us(&run->life) - stuck->since_us) / 1e6;
        if (seconds > pool->wait_seconds)
            pool->wait_seconds = seconds;
    }
    *before = now;
}

/* ------------------------------------------------------------ reporting ---- */

static const char *hint_of(const struct pool *pool)
{
    if (pool->state != pools_states[ACTIVE])
        return pool->state == pools_states[PAUSED]
                   ? "RESUME it on the console, or with the action resume, once its server is ready"
                   : "ENABLE it on the console, if it was not disabled for good";
    if (pool->waiting == 0)
        return NULL;
    if (pool->connected == 0)
        return "no server connection is open: see whether the server lets PgBouncer in (its log "
               "tells why not), and whether somebody paused all of PgBouncer";
    if (pool->has_limit && pool->used >= pool->limit)
        return "all server connections are at work: see the server's long_queries and "
               "idle_in_transaction before raising default_pool_size";
    return "see PgBouncer's log for why it opens no further server connection";
}

static void say(const struct pool *pool, char *out, size_t room)
{
    size_t len;

    if (pool->waiting > 0)
        (void)snprintf(out,
                       room,
                       "%" PRId64 " %s for a server connection, the first for %.1f s",
                       pool->waiting,
                       pool->waiting == 1 ? "client waits" : "clients wait",
                       pool->wait_seconds);
    else
        (void)snprintf(out, room, "no client waits, %" PRId64 " at work", pool->active);
    len = strlen(out);
    if (pool->state != pools_states[ACTIVE])
        (void)snprintf(out + len, room - len, "; the database is %s", pool->state);
    else if (pool->waiting > 0 && pool->connected == 0)
        (void)snprintf(out + len, room - len, "; none is open");
}

static void report(struct probe_run *run, const struct pool *pool, const char *subject)
{
    struct probe_field fields[16], *field = fields;
    char summary[200];

    say(pool, summary, sizeof(summary));
    *field++ = probe_int("waiting", pool->waiting);
    *field++ = probe_real("wait_seconds", pool->wait_seconds);
    *field++ = probe_int("active", pool->active);
    *field++ = probe_int("used", pool->used);
    *field++ = probe_int("connected", pool->connected);
    *field++ = probe_text("state", pool->state);
    if (pool->has_limit) {
        *field++ = probe_int("limit", pool->limit);
        *field++ = probe_real("used_percent", percent_of((double)pool->used, (double)pool->limit));
    }
    if (pool->has_average) {
        *field++ = probe_real("queries_per_second", pool->queries_per_second);
        *field++ = probe_real("query_ms", pool->query_ms);
        *field++ = probe_real("wait_ms", pool->wait_ms);
    }
    if (*pool->mode)
        *field++ = probe_text("mode", pool->mode);
    if (*pool->server)
        *field++ = probe_text("server", pool->server);
    *field = (struct probe_field){0};
    probe_report(
        run, .subject = subject, .summary = summary, .hint = hint_of(pool), .fields = fields);
}

static void report_all(struct probe_run *run)
{
    struct pools_run *pools = run->data;
    char subject[2 * CONSOLE_NAME_LEN + 2];

    clock_stuck(run);
    for (size_t i = 0; i < pools->count; i++) {
        const struct pool *pool = &pools->pools[i];
        (void)snprintf(
            subject, sizeof(subject), *pool->user ? "%s/%s" : "%s", pool->database, pool->user);
        report(run, pool, subject);
    }
    if (pools->other_count > 0)
        report(run, &pools->others, "(others)");
    if (pools->count == 0)
        probe_report(run,
                     .summary = "no application has used a pool yet",
                     .fields = PROBE_FIELDS(probe_int("waiting", 0),
                                            probe_real("wait_seconds", 0),
                                            probe_int("active", 0),
                                            probe_int("used", 0),
                                            probe_int("connected", 0),
                                            probe_text("state", pools_states[ACTIVE])));
    probe_done(run);
}

/* --------------------------------------------------------------- asking ---- */

/* Averages of the last period, in microseconds; the names are those since 1.8. */
static void on_stats(struct probe_run *run, const struct answer *answer)
{
    struct pools_run *pools = run->data;
    const struct rows *rows = &answer->rows;

    for (size_t i = 0; i < pools->count; i++) {
        struct pool *pool = &pools->pools[i];
        size_t row = console_find(rows, "database", pool->database);
        if (!rows_text(rows, row, "avg_query_count"))
            continue;
        pool->has_average = true;
        pool->queries_per_second = rows_real(rows, row, "avg_query_count");
        pool->query_ms = rows_real(rows, row, "avg_query_time") / 1e3;
        pool->wait_ms = rows_real(rows, row, "avg_wait_time") / 1e3;
    }
    report_all(run);
}

static const char *state_of(const struct rows *rows, size_t row)
{
    return rows_int(rows, row, "paused")     ? pools_states[PAUSED]
           : rows_int(rows, row, "disabled") ? pools_states[DISABLED]
                                             : pools_states[ACTIVE];
}

static void learn(struct pool *pool, const struct rows *rows, size_t row)
{
    const char *host = rows_text(rows, row, "host"), *port = rows_text(rows, row, "port");

    pool->state = state_of(rows, row);
    pool->has_limit = rows_text(rows, row, "pool_size") != NULL;
    pool->limit = rows_int(rows, row, "pool_size");
    (void)snprintf(pool->server,
                   sizeof(pool->server),
                   "%.80s:%.8s",
                   host && *host ? host : "socket",
                   port ? port : "");
}

/* A database that is shut has no pool while nobody comes, and matters all the same. */
static void on_databases(struct probe_run *run, const struct answer *answer)
{
    struct pools_run *pools = run->data;
    const struct rows *rows = &answer->rows;
    size_t count = pools->count;

    for (size_t row = 0; row < rows->count; row++) {
        const char *name = rows_text(rows, row, "name");
        bool seen = false;
        for (size_t i = 0; name && i < count; i++) {
            if (strcmp(pools->pools[i].database, name) == 0) {
                learn(&pools->pools[i], rows, row);
                seen = true;
            }
        }
        if (!seen && is_wanted(run, name) && state_of(rows, row) != pools_states[ACTIVE] &&
            pools->count < POOLS_MOST) {
            struct pool *pool = &pools->pools[pools->count++];
            (void)snprintf(pool->database, sizeof(pool->database), "%s", name);
            learn(pool, rows, row);
        }
    }
    console_ask(run, "SHOW STATS", on_stats);
}

static void on_pools(struct probe_run *run, const struct answer *answer)
{
    static const char *const servers[] = {
        "sv_active", "sv_idle", "sv_used", "sv_tested", "sv_active_cancel", "sv_being_canceled"};
    struct pools_run *pools = run->data;
    const struct rows *rows = &answer->rows;

    pools->others.state = pools_states[ACTIVE];
    for (size_t row = 0; row < rows->count; row++) {
        const char *database = rows_text(rows, row, "database");
        const char *user = rows_text(rows, row, "user"), *mode = rows_text(rows, row, "pool_mode");
        struct pool pool = {.state = pools_states[ACTIVE]};
        if (!is_wanted(run, database))
            continue;
        (void)snprintf(pool.database, sizeof(pool.database), "%s", database);
        (void)snprintf(pool.user, sizeof(pool.user), "%s", user ? user : "");
        (void)snprintf(pool.mode, sizeof(pool.mode), "%s", mode ? mode : "");
        pool.active = rows_int(rows, row, "cl_active");
        pool.waiting = rows_int(rows, row, "cl_waiting");
        pool.used = rows_int(rows, row, "sv_active");
        for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++)
            pool.connected += rows_int(rows, row, servers[i]);
        pool.wait_seconds =
            rows_real(rows, row, "maxwait") + rows_real(rows, row, "maxwait_us") / 1e6;
        place(pools, &pool);
    }
    console_ask(run, "SHOW DATABASES", on_databases);
}

void pools_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    console_ask(run, "SHOW POOLS", on_pools);
}
