#include "schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "evidence.h"
#include "local.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ------------------------------------------------------ missing_indexes ---- */

const struct probe_option missing_indexes_options[] = {
    {"min_rows",
     PROBE_INT_AT(struct missing_indexes, min_rows),
     .fallback = "10000",
     .min = 1,
     .max = INT64_MAX,
     .help = "tables with fewer rows are rightly read as a whole"},
    {"rows",
     PROBE_RATE_AT(struct missing_indexes, rows),
     .fallback = "10000/s",
     .help = "how many rows of a table must be read in sequence to count it"},
    {"scans",
     PROBE_RATE_AT(struct missing_indexes, scans),
     .fallback = "6/h",
     .help = "and how often it must be read: less often is a backup or a report"},
    {0},
};

const struct probe_measure missing_indexes_measures[] = {
    {"count", "large tables that are read in sequence again and again", .kind = PROBE_GAUGE},
    {"rows_per_second", "read in sequence of the worst of them", .kind = PROBE_GAUGE},
    {0},
};

int prepare_missing_indexes(const void *config, void *memory, struct probe_error *error)
{
    const struct missing_indexes *options = config;
    struct missing_indexes_memory *known = memory;

    (void)error;
    (void)snprintf(known->min_rows, sizeof(known->min_rows), "%" PRId64, options->min_rows);
    return 0;
}

/* A table that is read too much, and how the evidence shows it. */
struct suspect {
    size_t row;
    double rows_per_second, scans_per_hour;
};

/* What was read of a database at one time. */
struct look {
    struct look *next;
    char database[LOCAL_NAME_ROOM];
    double at, since; /* seconds since 1970, on the server's clock; since: it counts from there */
    size_t count;
    struct reading {
        int64_t id, scans, rows;
    } readings[];
};

void forget_missing_indexes(void *memory)
{
    struct missing_indexes_memory *known = memory;

    while (known->looks) {
        struct look *look = known->looks;
        known->looks = look->next;
        free(look);
    }
}

/* The link to the look at a database, or to the end of them all. */
static struct look **look_at(struct missing_indexes_memory *known, const char *database)
{
    struct look **link = &known->looks;

    while (*link && strcmp((*link)->database, database) != 0)
        link = &(*link)->next;
    return link;
}

static const struct reading *reading_of(const struct look *look, int64_t id)
{
    for (size_t i = 0; i < look->count; i++)
        if (look->readings[i].id == id)
            return &look->readings[i];
    return NULL;
}

/*
 * Rates since it was asked last; of what was not known then, or was reset meanwhile, since the
 * server began to count.
 */
static struct suspect rates_of(const struct look *look, const struct rows *rows, size_t row)
{
    double now = rows_real(rows, row, "now_seconds"), since = rows_real(rows, row, "since_seconds");
    int64_t read = rows_int(rows, row, "seq_tup_read"), scans = rows_int(rows, row, "seq_scan");
    const struct reading *before =
        look && look->since == since ? reading_of(look, rows_int(rows, row, "id")) : NULL;

    if (before && before->rows <= read && before->scans <= scans && look->at < now) {
        since = look->at;
        read -= before->rows;
        scans -= before->scans;
    }
    double seconds = now - since > 1 ? now - since : 1;
    return (struct suspect){row, (double)read / seconds, 3600 * (double)scans / seconds};
}

/* Of a database that is no longer there nobody forgets anything, so there is a most. */
static void remember(struct missing_indexes_memory *known, const char *database,
                     const struct rows *rows)
{
    struct look **link = look_at(known, database), *older = *link;
    size_t count = rows->count < SCHEMA_MOST_TABLES ? rows->count : SCHEMA_MOST_TABLES;
    struct look *look = calloc(1, sizeof(*look) + count * sizeof(*look->readings));

    if (!look)
        abort();
    *link = older ? older->next : NULL;
    free(older);
    (void)snprintf(look->database, sizeof(look->database), "%s", database);
    look->at = rows_real(rows, 0, "now_seconds");
    look->since = rows_real(rows, 0, "since_seconds");
    look->count = count;
    for (size_t row = 0; row < count; row++)
        look->readings[row] = (struct reading){rows_int(rows, row, "id"),
                                               rows_int(rows, row, "seq_scan"),
                                               rows_int(rows, row, "seq_tup_read")};
    look->next = known->looks;
    known->looks = look;
    for (size_t i = 0; look && i < LOCAL_MOST; i++)
        look = look->next;
    if (look) {
        free(look->next);
        look->next = NULL;
    }
}

static int by_rows(const void *a, const void *b)
{
    const struct suspect *one = a, *other = b;
    return (one->rows_per_second < other->rows_per_second) -
           (one->rows_per_second > other->rows_per_second);
}

/* The worst tables: what the server counts of them, and the two rates. */
struct suspects {
    const char *cells[EVIDENCE_ROWS * 8];
    char rates[EVIDENCE_ROWS][2][24];
    struct probe_table table;
};

static struct probe_field suspects_of(struct suspects *shown, const struct rows *rows,
                                      const struct suspect *suspects, size_t count)
{
    static const struct probe_column columns[] = {{"table", PROBE_FIELD_TEXT},
                                                  {"live_rows", PROBE_FIELD_INT},
                                                  {"seq_scan", PROBE_FIELD_INT},
                                                  {"seq_tup_read", PROBE_FIELD_INT},
                                                  {"idx_scan", PROBE_FIELD_INT},
                                                  {"last_analyze", PROBE_FIELD_TEXT},
                                                  {"rows_per_second", PROBE_FIELD_REAL},
                                                  {"scans_per_hour", PROBE_FIELD_REAL}};
    size_t most = count < EVIDENCE_ROWS ? count : EVIDENCE_ROWS;

    for (size_t i = 0; i < most; i++) {
        const struct suspect *suspect = &suspects[i];
        char(*rates)[24] = shown->rates[i];
        const char **cells = &shown->cells[i * COUNT(columns)];
        for (size_t column = 0; column < 6; column++)
            cells[column] = rows_text(rows, suspect->row, columns[column].name);
        (void)snprintf(rates[0], sizeof(*rates), "%.0f", suspect->rows_per_second);
        (void)snprintf(rates[1], sizeof(*rates), "%.1f", suspect->scans_per_hour);
        cells[6] = rates[0];
        cells[7] = rates[1];
    }
    shown->table =
        (struct probe_table){columns, COUNT(columns), shown->cells, most, (int64_t)count};
    return probe_rows("tables", &shown->table);
}

void check_missing_indexes(struct probe_run *run, const struct answer *answer)
{
    const struct missing_indexes *options = run->config;
    struct missing_indexes_memory *known = run->memory;
    const char *database = local_database(run);
    const struct look *look = *look_at(known, database);
    const struct rows *rows = &answer->rows;
    struct suspect found[SCHEMA_MOST_TABLES];
    struct suspects shown;
    size_t count = 0;
    char summary[240];

    for (size_t row = 0; row < rows->count && row < SCHEMA_MOST_TABLES; row++) {
        struct suspect suspect = rates_of(look, rows, row);
        if (suspect.rows_per_second >= options->rows &&
            suspect.scans_per_hour >= 3600 * options->scans)
            found[count++] = suspect;
    }
    remember(known, database, rows);
    qsort(found, count, sizeof(*found), by_rows);
    if (count == 0)
        (void)snprintf(
            summary, sizeof(summary), "no large table is read in sequence again and again");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%zu large %s read in sequence again and again, most %.80s: %.0f rows a "
                       "second",
                       count,
                       count == 1 ? "table is" : "tables are",
                       rows_text(rows, found[0].row, "table"),
                       found[0].rows_per_second);
    local_report(
        run,
        .summary = summary,
        .hint = count ? "find the statement that reads it (pg_stat_statements, EXPLAIN), "
                        "then let a migration CREATE INDEX CONCURRENTLY on what it filters "
                        "by"
                      : NULL,
        .fields = PROBE_FIELDS(probe_int("count", (int64_t)count),
                               probe_real("rows_per_second", count ? found[0].rows_per_second : 0),
                               suspects_of(&shown, rows, found, count)));
    local_done(run);
}

static void ask_missing_indexes(struct probe_run *run)
{
    const struct missing_indexes_memory *known = run->memory;

    local_ask(run,
              &(const struct question){.sql = missing_indexes_sql,
                                       .params = {known->min_rows},
                                       .param_count = 1,
                                       .then = check_missing_indexes});
}

void run_missing_indexes(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    local_start(run, ask_missing_indexes);
}

/* ---------------------------------------------------------------- bloat ---- */

const struct probe_option bloat_options[] = {
    {"min_size",
     PROBE_BYTES_AT(struct bloat, min_size),
     .fallback = "64MiB",
     .min = 1,
     .max = INT64_MAX,
     .help = "smaller tables and indexes are not looked at"},
    {"percent",
     PROBE_REAL_AT(struct bloat, percent),
     .fallback = "50",
     .max = 100,
     .help = "from how much on a relation counts as bloated"},
    {0},
};

const struct probe_measure bloat_measures[] = {
    {"count", "large tables and indexes that are bloated", .kind = PROBE_GAUGE},
    {"wasted_bytes", "what they occupy beyond what they hold, estimated", .kind = PROBE_GAUGE},
    {0},
};

int prepare_bloat(const void *config, void *memory, struct probe_error *error)
{
    const struct bloat *options = config;
    struct bloat_params *params = memory;

    (void)error;
    (void)snprintf(params->min_size, sizeof(params->min_size), "%" PRId64, options->min_size);
    (void)snprintf(params->percent, sizeof(params->percent), "%.3f", options->percent);
    return 0;
}

void check_bloat(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {{"relation", PROBE_FIELD_TEXT},
                                                  {"kind", PROBE_FIELD_TEXT},
                                                  {"size_bytes", PROBE_FIELD_INT},
                                                  {"wasted_bytes", PROBE_FIELD_INT},
                                                  {"wasted_percent", PROBE_FIELD_REAL},
                                                  {"as_of", PROBE_FIELD_TEXT}};
    const struct rows *rows = &answer->rows;
    struct evidence evidence;
    int64_t looked_at = rows_int(rows, 0, "looked_at"), count = rows_int(rows, 0, "count");
    int64_t wasted = rows_int(rows, 0, "wasted_total");
    char summary[240];

    if (local_tell_hidden(run, rows, looked_at, "large tables and indexes"))
        return;
    if (count == 0)
        (void)snprintf(
            summary, sizeof(summary), "of %" PRId64 " large relations none is bloated", looked_at);
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " of %" PRId64 " large relations %s bloated by about %s, most "
                       "the %s %.80s",
                       count,
                       looked_at,
                       count == 1 ? "is" : "are",
                       bytes_text(wasted).text,
                       rows_text(rows, 0, "kind"),
                       rows_text(rows, 0, "relation"));
    local_report(
        run,
        .summary = summary,
        .hint = count ? "an index: REINDEX INDEX CONCURRENTLY; a table: see `vacuum` for what "
                        "keeps dead rows, then pg_repack, or VACUUM FULL in a maintenance window"
                      : NULL,
        .fields = PROBE_FIELDS(
            probe_int("count", count),
            probe_int("wasted_bytes", wasted),
            probe_int("without_statistics", rows_int(rows, 0, "unanalysed")),
            evidence_of(&evidence, "relations", rows, columns, COUNT(columns), count)));
    local_done(run);
}

static void ask_bloat(struct probe_run *run)
{
    const struct bloat_params *params = run->memory;

    local_ask(run,
              &(const struct question){.sql = bloat_sql,
                                       .params = {params->min_size, params->percent},
                                       .param_count = 2,
                                       .then = check_bloat});
}

void run_bloat(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    local_start(run, ask_bloat);
}

/* ------------------------------------------------------ invalid_indexes ---- */

const struct probe_measure invalid_indexes_measures[] = {
    {"count", "indexes that no query may use", .kind = PROBE_GAUGE},
    {"unique_count", "of those, the ones that were to keep values unique", .kind = PROBE_GAUGE},
    {"size_bytes", "what they occupy", .kind = PROBE_GAUGE},
    {0},
};

void check_invalid_indexes(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {{"index", PROBE_FIELD_TEXT},
                                                  {"table", PROBE_FIELD_TEXT},
                                                  {"unique", PROBE_FIELD_BOOL},
                                                  {"maintained", PROBE_FIELD_BOOL},
                                                  {"size_bytes", PROBE_FIELD_INT},
                                                  {"remedy", PROBE_FIELD_TEXT}};
    const struct rows *rows = &answer->rows;
    struct evidence evidence;
    int64_t count = rows_int(rows, 0, "count");
    char summary[240];

    if (count == 0)
        (void)snprintf(summary, sizeof(summary), "every index is valid");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " %s invalid: no query uses %s, such as %.60s of %.60s",
                       count,
                       count == 1 ? "index is" : "indexes are",
                       count == 1 ? "it" : "them",
                       rows_text(rows, 0, "index"),
                       rows_text(rows, 0, "table"));
    local_report(run,
                 .summary = summary,
                 .hint = rows_text(rows, 0, "remedy"),
                 .fields = PROBE_FIELDS(
                     probe_int("count", count),
                     probe_int("unique_count", rows_int(rows, 0, "unique_count")),
                     probe_int("size_bytes", rows_int(rows, 0, "size_bytes_total")),
                     evidence_of(&evidence, "indexes", rows, columns, COUNT(columns), count)));
    local_done(run);
}

static void ask_invalid_indexes(struct probe_run *run)
{
    local_ask(run,
              &(const struct question){.sql = invalid_indexes_sql, .then = check_invalid_indexes});
}

void run_invalid_indexes(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    local_start(run, ask_invalid_indexes);
}
