/*
 * remote - what a server shares with others: replicas, blocks that wait to be sent to shards, and
 * dictionaries that it loads from elsewhere.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "clickhouse_queries.h"
#include "common/age.h"
#include "common/bytes.h"
#include "evidence.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---------------------------------------------------------- replication ---- */

/* Of all replicated tables together. */
struct replicas {
    int64_t readonly, expired, delay, queue, oldest, failing, lost, inactive;
};

static struct replicas replicas_of(const struct rows *rows)
{
    struct replicas all = {0};
    for (size_t row = 0; row < rows->count; row++) {
        all.readonly += rows_flag(rows, row, "is_readonly");
        all.expired += rows_flag(rows, row, "is_session_expired");
        all.delay = larger(all.delay, rows_int(rows, row, "delay_seconds"));
        all.queue = larger(all.queue, rows_int(rows, row, "queue_size"));
        all.oldest = larger(all.oldest, rows_int(rows, row, "oldest_seconds"));
        all.failing += rows_int(rows, row, "failing");
        all.lost += rows_int(rows, row, "lost_parts");
        all.inactive +=
            rows_int(rows, row, "total_replicas") - rows_int(rows, row, "active_replicas");
    }
    return all;
}

static void say_replicas(const struct rows *rows, const struct replicas *all, char *out,
                         size_t room)
{
    const char *database = rows_said(rows, 0, "database"), *table = rows_said(rows, 0, "table");
    if (rows->count == 0)
        (void)snprintf(out, room, "there are no replicated tables");
    else if (all->readonly > 0)
        (void)snprintf(out,
                       room,
                       "%" PRId64 " of %zu replicated tables are read-only (%.60s.%.60s ...)",
                       all->readonly,
                       rows->count,
                       database,
                       table);
    else if (all->delay > 0 || all->failing > 0)
        (void)snprintf(out,
                       room,
                       "%.60s.%.60s is %s behind, with %" PRId64 " entries in its queue",
                       database,
                       table,
                       age_text((double)all->delay).text,
                       rows_int(rows, 0, "queue_size"));
    else if (all->inactive > 0)
        (void)snprintf(out, room, "%" PRId64 " other replicas are not there", all->inactive);
    else
        (void)snprintf(out, room, "%zu replicated tables are in step", rows->count);
}

static const char *hint_of_replicas(const struct replicas *all)
{
    return all->readonly || all->expired
               ? "see whether ZooKeeper or Keeper answers; then SYSTEM RESTART REPLICA, and, where "
                 "its metadata is gone, SYSTEM RESTORE REPLICA"
           : all->failing ? "see last_exception below, and system.replication_queue"
           : all->delay > 60
               ? "see `merges`, `disk` and the network between replicas for why fetches wait"
               : NULL;
}

static void on_replication(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"database", PROBE_FIELD_TEXT},
        {"table", PROBE_FIELD_TEXT},
        {"is_readonly", PROBE_FIELD_INT},
        {"is_session_expired", PROBE_FIELD_INT},
        {"delay_seconds", PROBE_FIELD_INT},
        {"queue_size", PROBE_FIELD_INT},
        {"oldest_seconds", PROBE_FIELD_INT},
        {"failing", PROBE_FIELD_INT},
        {"tries", PROBE_FIELD_INT},
        {"total_replicas", PROBE_FIELD_INT},
        {"active_replicas", PROBE_FIELD_INT},
        {"last_exception", PROBE_FIELD_TEXT},
    };
    const struct replication_config *config = run->config;
    const struct rows *rows = &answer->rows;
    struct replicas all = replicas_of(rows);
    struct evidence evidence;
    char summary[300];

    say_replicas(rows, &all, summary, sizeof(summary));
    const char *hint = hint_of_replicas(&all);
    probe_report(
        run,
        .summary = evidence_line(summary),
        .hint = hint ? hint : answer->note,
        .fields = PROBE_FIELDS(
            probe_int("count", (int64_t)rows->count),
            probe_int("readonly", all.readonly),
            probe_int("expired", all.expired),
            probe_int("delay_seconds", all.delay),
            probe_int("length", all.queue),
            probe_int("oldest_seconds", all.oldest),
            probe_int("failed", all.failing),
            probe_int("lost", all.lost),
            evidence_of(&evidence, "tables", rows, columns, COUNT(columns), (int64_t)rows->count),
            config->peers ? probe_int("inactive", all.inactive) : (struct probe_field){0}));
    probe_done(run);
}

void replication_run(struct probe_target *self, struct probe_run *run)
{
    const struct replication_config *config = run->config;
    (void)self;
    wire_ask(run,
             &(const struct question){.sql = replication_sql,
                                      .params = {{"peers", config->peers ? "1" : NULL}},
                                      .sight = SIGHT_TABLES,
                                      .then = on_replication});
}

/* --------------------------------------------------- distribution_queue ---- */

static void on_distribution(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"database", PROBE_FIELD_TEXT},
        {"table", PROBE_FIELD_TEXT},
        {"files", PROBE_FIELD_INT},
        {"size_bytes", PROBE_FIELD_INT},
        {"broken_files", PROBE_FIELD_INT},
        {"error_count", PROBE_FIELD_INT},
        {"is_blocked", PROBE_FIELD_INT},
        {"last_exception", PROBE_FIELD_TEXT},
    };
    const struct rows *rows = &answer->rows;
    struct evidence evidence;
    int64_t files = 0, size = 0, broken = 0, failed = 0;
    char summary[300];

    for (size_t row = 0; row < rows->count; row++) {
        files += rows_int(rows, row, "files");
        size += rows_int(rows, row, "size_bytes");
        broken += rows_int(rows, row, "broken_files");
        failed += rows_int(rows, row, "error_count") > 0;
    }
    if (files + broken == 0)
        (void)snprintf(summary, sizeof(summary), "nothing waits to be sent to a shard");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " files, %s, wait to be sent to shards (%.60s.%.60s ...)%s",
                       files,
                       bytes_text(size).text,
                       rows_said(rows, 0, "database"),
                       rows_said(rows, 0, "table"),
                       broken ? "; some are broken" : "");
    probe_report(
        run,
        .summary = evidence_line(summary),
        .hint = broken ? "broken files are not sent again: see the folder `broken` of the table"
                : failed + files ? "see last_exception below for the shard that does not answer; "
                                   "what waits is lost with this server's disk"
                                 : answer->note,
        .fields = PROBE_FIELDS(
            probe_int("length", files),
            probe_int("size_bytes", size),
            probe_int("broken", broken),
            probe_int("failed", failed),
            evidence_of(&evidence, "tables", rows, columns, COUNT(columns), (int64_t)rows->count)));
    probe_done(run);
}

void distribution_queue_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run,
             &(const struct question){
                 .sql = distribution_queue_sql, .sight = SIGHT_TABLES, .then = on_distribution});
}

/* --------------------------------------------------------- dictionaries ---- */

/* Its last load failed; where it was loaded before, it goes on with old data. */
static bool is_failed(const struct rows *rows, size_t row)
{
    const char *status = rows_said(rows, row, "status");
    return strncmp(status, "FAILED", 6) == 0;
}

static bool is_stale(const struct rows *rows, size_t row)
{
    const char *exception = rows_said(rows, row, "last_exception");
    return *exception && !is_failed(rows, row);
}

static void say_dictionaries(const struct rows *rows, int64_t failed, int64_t stale, char *out,
                             size_t room)
{
    char why[200];
    if (rows->count == 0) {
        (void)snprintf(out, room, "there are no dictionaries");
        return;
    }
    if (failed + stale == 0) {
        (void)snprintf(out, room, "%zu dictionaries, none of which failed to load", rows->count);
        return;
    }
    trouble_hide(why, sizeof(why), rows_said(rows, 0, "last_exception"));
    (void)snprintf(out,
                   room,
                   "%" PRId64 " of %zu dictionaries did not load, %" PRId64
                   " go on with old data (%.60s: %s)",
                   failed,
                   rows->count,
                   stale,
                   rows_said(rows, 0, "name"),
                   why);
}

static void on_dictionaries(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"name", PROBE_FIELD_TEXT},
        {"status", PROBE_FIELD_TEXT},
        {"type", PROBE_FIELD_TEXT},
        {"element_count", PROBE_FIELD_INT},
        {"bytes_allocated", PROBE_FIELD_INT},
        {"updated", PROBE_FIELD_TIME},
        {"last_exception", PROBE_FIELD_TEXT},
    };
    const struct rows *rows = &answer->rows;
    struct evidence evidence;
    int64_t failed = 0, stale = 0;
    char summary[500];

    for (size_t row = 0; row < rows->count; row++) {
        failed += is_failed(rows, row);
        stale += is_stale(rows, row);
    }
    say_dictionaries(rows, failed, stale, summary, sizeof(summary));
    probe_report(
        run,
        .summary = evidence_line(summary),
        .hint = failed + stale
                    ? "see that its source answers; SYSTEM RELOAD DICTIONARY tries at once"
                    : answer->note,
        .fields = PROBE_FIELDS(
            probe_int("count", (int64_t)rows->count),
            probe_int("failed", failed),
            probe_int("stale", stale),
            evidence_of(
                &evidence, "dictionaries", rows, columns, COUNT(columns), (int64_t)rows->count)));
    probe_done(run);
}

void dictionaries_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run,
             &(const struct question){
                 .sql = dictionaries_sql, .sight = SIGHT_DICTIONARIES, .then = on_dictionaries});
}
