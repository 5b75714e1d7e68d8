/*
 * work - what a server is busy with: mutations, merges, queries that run for long.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "clickhouse_queries.h"
#include "common/age.h"
#include "common/percent.h"
#include "evidence.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ------------------------------------------------------------ mutations ---- */

static void say_mutations(const struct rows *rows, int64_t count, int64_t failed, char *out,
                          size_t room)
{
    char reason[160];
    if (count == 0) {
        (void)snprintf(out, room, "no mutation is unfinished");
        return;
    }
    size_t len = (size_t)snprintf(out,
                                  room,
                                  "%" PRId64 " %s unfinished, the oldest for %s",
                                  count,
                                  count == 1 ? "mutation is" : "mutations are",
                                  age_text(rows_real(rows, 0, "oldest_seconds")).text);
    if (failed == 0)
        return;
    trouble_hide(reason, sizeof(reason), rows_said(rows, 0, "reason"));
    (void)snprintf(out + len,
                   room - len,
                   "; %" PRId64 " %s (%.40s of %.40s.%.40s: %s)",
                   failed,
                   failed == 1 ? "fails" : "fail",
                   rows_said(rows, 0, "mutation_id"),
                   rows_said(rows, 0, "database"),
                   rows_said(rows, 0, "table"),
                   reason);
}

static void on_mutations(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"database", PROBE_FIELD_TEXT},
        {"table", PROBE_FIELD_TEXT},
        {"mutation_id", PROBE_FIELD_TEXT},
        {"age_seconds", PROBE_FIELD_INT},
        {"parts_to_do", PROBE_FIELD_INT},
        {"failed_part", PROBE_FIELD_TEXT},
        {"reason", PROBE_FIELD_TEXT},
        {"query", PROBE_FIELD_TEXT},
    };
    const struct rows *rows = &answer->rows;
    struct evidence evidence;
    int64_t count = rows_int(rows, 0, "count"), failed = rows_int(rows, 0, "failed");
    char summary[500];

    say_mutations(rows, count, failed, summary, sizeof(summary));
    probe_report(
        run,
        .summary = evidence_line(summary),
        .hint = failed ? "it is tried again and again: correct its cause, or KILL MUTATION WHERE "
                         "mutation_id = '...' and write another"
                : count
                    ? "a mutation rewrites every part it touches; see `merges` for how far it is"
                    : answer->note,
        .fields = PROBE_FIELDS(
            probe_int("count", count),
            probe_real("age_seconds", rows_real(rows, 0, "oldest_seconds")),
            probe_int("parts_to_do", rows_int(rows, 0, "all_parts_to_do")),
            evidence_of(&evidence, "mutations", rows, columns, COUNT(columns), count),
            /* The last one: old servers do not say why a mutation does not end. */
            count == 0 || rows_flag(rows, 0, "tells_reasons") ? probe_int("failed", failed)
                                                              : (struct probe_field){0}));
    probe_done(run);
}

void mutations_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run,
             &(const struct question){
                 .sql = mutations_sql, .sight = SIGHT_TABLES, .then = on_mutations});
}

/* --------------------------------------------------------------- merges ---- */

static void on_merges(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"database", PROBE_FIELD_TEXT},
        {"table", PROBE_FIELD_TEXT},
        {"result_part_name", PROBE_FIELD_TEXT},
        {"is_mutation", PROBE_FIELD_INT},
        {"age_seconds", PROBE_FIELD_REAL},
        {"progress_percent", PROBE_FIELD_REAL},
        {"parts", PROBE_FIELD_INT},
        {"size_bytes", PROBE_FIELD_INT},
        {"memory_bytes", PROBE_FIELD_INT},
    };
    struct rows rows = answer->rows;
    struct evidence evidence;
    int64_t count = rows_int(&rows, 0, "count");
    double age = rows_real(&rows, 0, "oldest_seconds");
    double used = rows_real(&rows, 0, "pool_used"), size = rows_real(&rows, 0, "pool_size");
    double progress = rows_real(&rows, 0, "progress_percent");
    char summary[300];

    if (count == 0)
        (void)snprintf(summary, sizeof(summary), "nothing is merged right now");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " %s, the longest for %s (%.60s.%.60s, %.0f %% done)",
                       count,
                       count == 1 ? "merge runs" : "merges run",
                       age_text(age).text,
                       rows_said(&rows, 0, "database"),
                       rows_said(&rows, 0, "table"),
                       progress);
    rows.count = count == 0 ? 0 : rows.count;
    probe_report(
        run,
        .summary = evidence_line(summary),
        .hint = age > 1800 ? "see whether its progress grows; a mutation (is_mutation) waits for "
                             "what its expression asks, a merge for the disk"
                           : answer->note,
        .fields =
            PROBE_FIELDS(probe_int("count", count),
                         probe_real("age_seconds", age),
                         probe_int("mutations", rows_int(&answer->rows, 0, "mutations")),
                         probe_int("memory_bytes", rows_int(&answer->rows, 0, "all_memory_bytes")),
                         evidence_of(&evidence, "merges", &rows, columns, COUNT(columns), count),
                         size > 0 && rows_text(&answer->rows, 0, "pool_used")
                             ? probe_real("used_percent", percent_of(used, size))
                             : (struct probe_field){0}));
    probe_done(run);
}

void merges_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run,
             &(const struct question){.sql = merges_sql, .sight = SIGHT_TABLES, .then = on_merges});
}

/* --------------------------------------------------------- long_queries ---- */

int long_queries_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct long_queries_config *config = config_;
    struct quoted *quoted = memory;

    (void)snprintf(
        quoted->number, sizeof(quoted->number), "%.3f", (double)config->older_than / 1000);
    quoted->first = template_literals(config->except_users);
    return quoted->first ? 0 : probe_refuse(error, NULL, "out of memory");
}

static void on_long_queries(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"query_id", PROBE_FIELD_TEXT},
        {"user", PROBE_FIELD_TEXT},
        {"client", PROBE_FIELD_TEXT},
        {"age_seconds", PROBE_FIELD_REAL},
        {"memory_bytes", PROBE_FIELD_INT},
        {"read_rows", PROBE_FIELD_INT},
        {"is_cancelled", PROBE_FIELD_INT},
        {"query", PROBE_FIELD_TEXT},
    };
    const struct rows *rows = &answer->rows;
    struct evidence evidence;
    int64_t count = rows_int(rows, 0, "count");
    double age = rows_real(rows, 0, "age_seconds");
    char summary[300];

    if (count == 0)
        (void)snprintf(summary, sizeof(summary), "no query runs for long");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " %s for long, the oldest for %s (%.60s of %.60s)",
                       count,
                       count == 1 ? "query runs" : "queries run",
                       age_text(age).text,
                       rows_said(rows, 0, "query_id"),
                       rows_said(rows, 0, "user"));
    probe_report(
        run,
        .summary = evidence_line(summary),
        .hint = count ? "KILL QUERY WHERE query_id = '...' ends one; max_execution_time of a "
                        "settings profile ends such queries by itself"
                      : NULL,
        .fields =
            PROBE_FIELDS(probe_int("count", count),
                         probe_real("age_seconds", age),
                         evidence_of(&evidence, "queries", rows, columns, COUNT(columns), count)));
    probe_done(run);
}

void long_queries_run(struct probe_target *self, struct probe_run *run)
{
    const struct quoted *quoted = run->memory;
    (void)self;
    wire_ask(run,
             &(const struct question){
                 .sql = long_queries_sql,
                 .params = {{"older_than", quoted->number}, {"except_users", quoted->first}},
                 .then = on_long_queries});
}
