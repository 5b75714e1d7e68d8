/*
 * storage - disks, and what lies on them: partitions, parts, parts that were set aside.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "clickhouse_queries.h"
#include "common/bytes.h"
#include "common/percent.h"
#include "evidence.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ----------------------------------------------------------------- disk ---- */

/* Object storage says that it has as many bytes as a number can hold. */
static const double endless = 1e17;

static void report_disk(struct probe_run *run, const struct rows *rows, size_t row)
{
    const char *name = rows_said(rows, row, "name"), *path = rows_said(rows, row, "path");
    double total = rows_real(rows, row, "total_bytes"), free = rows_real(rows, row, "free_bytes");
    bool broken = rows_flag(rows, row, "is_broken"), sized = total > 0 && total < endless;
    double used_percent = percent_of(total - free, total);
    char summary[300];

    if (broken)
        (void)snprintf(summary, sizeof(summary), "the server holds disk %.60s to be broken", name);
    else if (!sized)
        (void)snprintf(summary, sizeof(summary), "disk %.60s is as large as its store", name);
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%.0f %% of disk %.60s are used, %s of %s are free (%.100s)",
                       used_percent,
                       name,
                       bytes_text((int64_t)free).text,
                       bytes_text((int64_t)total).text,
                       path);
    probe_report(
        run,
        .subject = name,
        .summary = evidence_line(summary),
        .hint =
            broken ? "see the server's log, and the mount"
            : sized && used_percent > 75
                ? "see `partitions` for the largest ones; DROP PARTITION frees at once (after 8 "
                  "min), while ALTER ... DELETE needs as much free space again first"
                : NULL,
        .fields =
            PROBE_FIELDS(probe_bool("broken", broken),
                         probe_text("path", path),
                         probe_text("type", rows_said(rows, row, "type")),
                         probe_bool("read_only", rows_flag(rows, row, "is_read_only")),
                         /* The last ones: of what has no end there is no share. */
                         sized ? probe_real("used_percent", used_percent) : (struct probe_field){0},
                         probe_int("total_bytes", (int64_t)total),
                         probe_int("free_bytes", (int64_t)free),
                         probe_int("unreserved_bytes", rows_int(rows, row, "unreserved_bytes")),
                         probe_int("keep_free_bytes", rows_int(rows, row, "keep_free_bytes"))));
}

static void on_disk(struct probe_run *run, const struct answer *answer)
{
    if (answer->rows.count == 0)
        probe_report(run,
                     .summary = "the server names no disk",
                     .fields = PROBE_FIELDS(probe_bool("broken", false)));
    for (size_t row = 0; row < answer->rows.count; row++)
        report_disk(run, &answer->rows, row);
    probe_done(run);
}

void disk_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run, &(const struct question){.sql = disk_sql, .then = on_disk});
}

/* ----------------------------------------------------------- partitions ---- */

int partitions_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct partitions_config *config = config_;
    struct quoted *quoted = memory;

    (void)snprintf(quoted->number, sizeof(quoted->number), "%" PRId64, config->top);
    if (!config->database || !*config->database)
        return 0;
    quoted->first = template_literal(config->database);
    return quoted->first ? 0 : probe_refuse(error, NULL, "out of memory");
}

static void on_partitions(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"database", PROBE_FIELD_TEXT},
        {"table", PROBE_FIELD_TEXT},
        {"partition_id", PROBE_FIELD_TEXT},
        {"partition", PROBE_FIELD_TEXT},
        {"bytes_on_disk", PROBE_FIELD_INT},
        {"rows", PROBE_FIELD_INT},
        {"parts", PROBE_FIELD_INT},
        {"from_date", PROBE_FIELD_TEXT},
        {"to_date", PROBE_FIELD_TEXT},
    };
    const struct rows *rows = &answer->rows;
    struct evidence evidence;
    int64_t count = rows_int(rows, 0, "count"), size = rows_int(rows, 0, "size_bytes");
    int64_t largest = rows_int(rows, 0, "bytes_on_disk");
    int64_t limit = rows_int(rows, 0, "drop_limit_bytes");
    char summary[300];

    if (count == 0)
        (void)snprintf(summary, sizeof(summary), "there are no partitions");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " partitions take %s, the largest, %.40s of %.60s.%.60s, %s",
                       count,
                       bytes_text(size).text,
                       rows_said(rows, 0, "partition_id"),
                       rows_said(rows, 0, "database"),
                       rows_said(rows, 0, "table"),
                       bytes_text(largest).text);
    probe_report(
        run,
        .summary = evidence_line(summary),
        .hint =
            limit > 0 && largest > limit
                ? "the largest cannot be dropped as it is: raise max_partition_size_to_drop, or "
                  "touch flags/force_drop_table for one drop"
                : answer->note,
        .fields =
            PROBE_FIELDS(probe_int("count", count),
                         probe_int("size_bytes", size),
                         probe_int("largest_bytes", largest),
                         probe_real("largest_percent", percent_of((double)largest, (double)size)),
                         evidence_of(&evidence, "partitions", rows, columns, COUNT(columns), count),
                         limit > 0 ? probe_int("limit_bytes", limit) : (struct probe_field){0}));
    probe_done(run);
}

void partitions_run(struct probe_target *self, struct probe_run *run)
{
    const struct quoted *quoted = run->memory;

    (void)self;
    wire_ask(
        run,
        &(const struct question){.sql = partitions_sql,
                                 .params = {{"database", quoted->first}, {"top", quoted->number}},
                                 .sight = SIGHT_TABLES,
                                 .then = on_partitions});
}

/* ---------------------------------------------------------------- parts ---- */

static const char *hint_of_parts(int64_t count, double used_percent, double delay_percent)
{
    if (count == 0 || (used_percent < 50 && delay_percent < 80))
        return NULL;
    return "insert in larger batches or with async_insert, and into fewer partitions at once; see "
           "`merges` and `disk` for why merging does not keep up";
}

static void on_parts(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"database", PROBE_FIELD_TEXT},
        {"table", PROBE_FIELD_TEXT},
        {"partition_id", PROBE_FIELD_TEXT},
        {"parts", PROBE_FIELD_INT},
        {"delay_limit", PROBE_FIELD_INT},
        {"throw_limit", PROBE_FIELD_INT},
        {"rows", PROBE_FIELD_INT},
        {"bytes_on_disk", PROBE_FIELD_INT},
    };
    const struct rows *rows = &answer->rows;
    struct evidence evidence;
    int64_t count = rows_int(rows, 0, "counted"), limit = rows_int(rows, 0, "throw_limit");
    double used_percent = rows_real(rows, 0, "used_percent");
    double delay_percent = rows_real(rows, 0, "delay_percent");
    char summary[300];

    if (rows->count == 0)
        (void)snprintf(summary, sizeof(summary), "there are no parts");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "partition %.40s of %.60s.%.60s has %" PRId64 " parts of %" PRId64
                       ", at which inserts are refused",
                       rows_said(rows, 0, "partition_id"),
                       rows_said(rows, 0, "database"),
                       rows_said(rows, 0, "table"),
                       count,
                       limit);
    const char *hint = hint_of_parts(count, used_percent, delay_percent);
    probe_report(
        run,
        .summary = evidence_line(summary),
        .hint = hint ? hint : answer->note,
        .fields = PROBE_FIELDS(
            probe_int("count", count),
            probe_int("limit", limit),
            probe_real("used_percent", used_percent),
            probe_real("delay_percent", delay_percent),
            evidence_of(
                &evidence, "partitions", rows, columns, COUNT(columns), (int64_t)rows->count),
            evidence_int("slowed", rows, "delayed"),
            evidence_int("rejected", rows, "rejected")));
    probe_done(run);
}

void parts_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run,
             &(const struct question){.sql = parts_sql, .sight = SIGHT_TABLES, .then = on_parts});
}

/* ------------------------------------------------------- detached_parts ---- */

/* What the server set aside because something was wrong with it; a person's DETACH has no reason. */
static bool is_broken(const char *reason)
{
    static const char *const words[] = {"broken",
                                        "unexpected",
                                        "noquorum",
                                        "merge-not-byte-identical",
                                        "mutate-not-byte-identical",
                                        "covered-by-broken"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (strncmp(reason, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

static void on_detached(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"database", PROBE_FIELD_TEXT},
        {"table", PROBE_FIELD_TEXT},
        {"reason", PROBE_FIELD_TEXT},
        {"parts", PROBE_FIELD_INT},
        {"bytes_on_disk", PROBE_FIELD_INT},
        {"example", PROBE_FIELD_TEXT},
    };
    const struct rows *rows = &answer->rows;
    struct evidence evidence;
    int64_t count = 0, broken = 0, size = 0;
    char summary[200];

    for (size_t row = 0; row < rows->count; row++) {
        int64_t parts = rows_int(rows, row, "parts");
        count += parts;
        size += rows_int(rows, row, "bytes_on_disk");
        if (is_broken(rows_said(rows, row, "reason")))
            broken += parts;
    }
    if (count == 0)
        (void)snprintf(summary, sizeof(summary), "no part is detached");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " detached parts, %" PRId64 " of them because they were broken",
                       count,
                       broken);
    probe_report(
        run,
        .summary = evidence_line(summary),
        .hint = broken ? "see the server's log for what broke them; on a replica they were fetched "
                         "anew, else ATTACH PART or a backup brings rows back"
                       : answer->note,
        .fields = PROBE_FIELDS(
            probe_int("count", count),
            probe_int("broken", broken),
            evidence_of(&evidence, "groups", rows, columns, COUNT(columns), (int64_t)rows->count),
            rows_flag(rows, 0, "tells_sizes") || count == 0 ? probe_int("size_bytes", size)
                                                            : (struct probe_field){0}));
    probe_done(run);
}

void detached_parts_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run,
             &(const struct question){
                 .sql = detached_parts_sql, .sight = SIGHT_TABLES, .then = on_detached});
}
