#include "statements.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/age.h"
#include "common/percent.h"
#include "common/sql.h"
#include "evidence.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* statements.sql takes so many at most. */
enum { MOST_STATEMENTS = 5000 };

const struct probe_option slow_statements_options[] = {
    {"slower_than",
     PROBE_DURATION_AT(struct slow_statements, slower_than),
     .fallback = "1s",
     .max = INT64_C(86400) * 1000,
     .help = "how long a statement may take in the mean"},
    {"min_calls",
     PROBE_INT_AT(struct slow_statements, min_calls),
     .fallback = "20",
     .min = 1,
     .max = INT64_C(1000000000),
     .help = "how often a statement must have been called since the last look to count"},
    {"limit",
     PROBE_INT_AT(struct slow_statements, limit),
     .fallback = "10",
     .min = 1,
     .max = STATEMENTS_MOST_SHOWN,
     .help = "how many statements are shown"},
    {0},
};

#define SOMETIMES .kind = PROBE_GAUGE, .optional = true
const struct probe_measure slow_statements_measures[] = {
    {"count", "statements slower than slower_than; absent after the first look", SOMETIMES},
    {"mean_ms", "of the slowest statement with min_calls, since the last look", SOMETIMES},
    {"calls", "of all statements since the last look", SOMETIMES},
    {"total_ms", "that all statements took since the last look", SOMETIMES},
    {"window_seconds", "since the last look", SOMETIMES},
    {0},
};

/* ------------------------------------------------------------- comparing ---- */

static int by_owner(const void *left, const void *right)
{
    const struct statement *one = left, *other = right;

    if (one->query_id != other->query_id)
        return one->query_id < other->query_id ? -1 : 1;
    if (one->user_id != other->user_id)
        return one->user_id < other->user_id ? -1 : 1;
    return (one->database_id > other->database_id) - (one->database_id < other->database_id);
}

/* One that is counted twice, on its own and from within a function (1.9), is one. */
static size_t join_twins(struct statement *list, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || by_owner(&list[kept - 1], &list[i]) != 0) {
            list[kept++] = list[i];
            continue;
        }
        list[kept - 1].calls += list[i].calls;
        list[kept - 1].rows += list[i].rows;
        list[kept - 1].total_ms += list[i].total_ms;
        list[kept - 1].read_ms += list[i].read_ms;
    }
    return kept;
}

static struct statement *statements_of(const struct rows *rows, size_t *ret_count)
{
    struct statement *list = calloc(rows->count + 1, sizeof(*list));
    size_t count = 0;

    if (!list)
        abort();
    for (size_t row = 0; row < rows->count; row++) {
        if (!rows_text(rows, row, "queryid"))
            continue;
        list[count++] = (struct statement){.query_id = rows_int(rows, row, "queryid"),
                                           .user_id = rows_int(rows, row, "userid"),
                                           .database_id = rows_int(rows, row, "dbid"),
                                           .calls = rows_int(rows, row, "calls"),
                                           .rows = rows_int(rows, row, "rows"),
                                           .total_ms = rows_real(rows, row, "total_ms"),
                                           .read_ms = rows_real(rows, row, "read_ms")};
    }
    qsort(list, count, sizeof(*list), by_owner);
    *ret_count = join_twins(list, count);
    return list;
}

/*
 * What a statement has cost since the last look.  One that counts less was reset meanwhile.  One
 * that is new is counted whole, unless the last look did not see all there were.
 */
static bool grown(const struct statements *statements, struct statement *statement)
{
    const struct statement *was =
        bsearch(statement, statements->known, statements->count, sizeof(*statement), by_owner);

    if (!was)
        return statements->count < MOST_STATEMENTS;
    if (was->calls > statement->calls || was->total_ms > statement->total_ms)
        return true;
    statement->calls -= was->calls;
    statement->rows -= was->rows;
    statement->total_ms -= was->total_ms;
    statement->read_ms -= was->read_ms;
    return true;
}

static double mean_of(const struct statement *statement)
{
    return statement->calls > 0 ? statement->total_ms / (double)statement->calls : 0.0;
}

static bool is_slow(const struct slow_statements *options, const struct statement *statement)
{
    return statement->calls >= options->min_calls &&
           mean_of(statement) > (double)options->slower_than;
}

/* Keeps the list of those to be shown in order: the slow ones first, then by total time. */
static void place(struct statements_look *look, const struct slow_statements *options,
                  const struct statement *statement)
{
    size_t most = (size_t)options->limit, at = look->top_count;
    bool slow = is_slow(options, statement);

    while (at > 0) {
        const struct statement *other = &look->top[at - 1];
        bool other_slow = is_slow(options, other);
        if (other_slow > slow || (other_slow == slow && other->total_ms >= statement->total_ms))
            break;
        at--;
    }
    if (at >= most)
        return;
    if (look->top_count < most)
        look->top_count++;
    memmove(&look->top[at + 1], &look->top[at], (look->top_count - at - 1) * sizeof(*look->top));
    look->top[at] = *statement;
}

void statements_compare(struct statements *statements, struct statements_look *look,
                        const struct slow_statements *options, const struct rows *rows,
                        int64_t now_ms)
{
    size_t count;
    struct statement *list = statements_of(rows, &count);

    *look = (struct statements_look){.compared = statements->looked,
                                     .window_ms = (double)(now_ms - statements->at_ms)};
    for (size_t i = 0; look->compared && i < count; i++) {
        struct statement since = list[i];
        if (!grown(statements, &since) || since.calls <= 0)
            continue;
        look->calls += since.calls;
        look->total_ms += since.total_ms;
        look->slow += is_slow(options, &since);
        if (since.calls >= options->min_calls && mean_of(&since) > look->worst_ms)
            look->worst_ms = mean_of(&since);
        place(look, options, &since);
    }
    free(statements->known);
    *statements =
        (struct statements){.known = list, .count = count, .at_ms = now_ms, .looked = true};
}

void forget_slow_statements(void *memory)
{
    struct statements *statements = memory;

    free(statements->known);
    *statements = (struct statements){0};
}

/* ------------------------------------------------------------- reporting ---- */

enum { SHOWN_COLUMNS = 10, CELL_ROOM = 32 };

/* The rows of a finding. */
struct shown {
    char texts[STATEMENTS_MOST_SHOWN][SHOWN_COLUMNS][CELL_ROOM];
    char queries[STATEMENTS_MOST_SHOWN][EVIDENCE_QUERY_ROOM];
    const char *cells[STATEMENTS_MOST_SHOWN * SHOWN_COLUMNS];
    struct probe_table table;
};

/* Where the texts are those of a statement; NULL: it has gone meanwhile. */
static const char *text_of(const struct rows *rows, const struct statement *statement,
                           const char *column)
{
    for (size_t row = 0; row < rows->count; row++)
        if (rows_int(rows, row, "queryid") == statement->query_id &&
            rows_int(rows, row, "userid") == statement->user_id &&
            rows_int(rows, row, "dbid") == statement->database_id)
            return rows_text(rows, row, column);
    return NULL;
}

static void show(struct shown *shown, size_t at, const struct statements_look *look,
                 const struct rows *rows)
{
    const struct statement *statement = &look->top[at];
    const char **cells = &shown->cells[at * SHOWN_COLUMNS];
    const char *query = text_of(rows, statement, "query");
    char(*texts)[CELL_ROOM] = shown->texts[at];

    (void)snprintf(texts[0], CELL_ROOM, "%" PRId64, statement->query_id);
    (void)snprintf(texts[3], CELL_ROOM, "%" PRId64, statement->calls);
    (void)snprintf(texts[4], CELL_ROOM, "%.3f", mean_of(statement));
    (void)snprintf(texts[5], CELL_ROOM, "%.3f", statement->total_ms);
    (void)snprintf(texts[6], CELL_ROOM, "%.2f", percent_of(statement->total_ms, look->total_ms));
    (void)snprintf(texts[7], CELL_ROOM, "%" PRId64, statement->rows);
    (void)snprintf(texts[8], CELL_ROOM, "%.3f", statement->read_ms);
    for (size_t i = 0; i < SHOWN_COLUMNS; i++)
        cells[i] = texts[i];
    cells[1] = text_of(rows, statement, "user");
    cells[2] = text_of(rows, statement, "database");
    if (query)
        sql_normalise(shown->queries[at], EVIDENCE_QUERY_ROOM, query);
    cells[9] = query ? shown->queries[at] : NULL;
}

static struct probe_field statements_shown(struct shown *shown, const struct statements_look *look,
                                           const struct rows *rows)
{
    static const struct probe_column columns[SHOWN_COLUMNS] = {
        {"query_id", PROBE_FIELD_TEXT},
        {"user", PROBE_FIELD_TEXT},
        {"database", PROBE_FIELD_TEXT},
        {"calls", PROBE_FIELD_INT},
        {"mean_ms", PROBE_FIELD_REAL},
        {"total_ms", PROBE_FIELD_REAL},
        {"share_percent", PROBE_FIELD_REAL},
        {"rows", PROBE_FIELD_INT},
        {"read_ms", PROBE_FIELD_REAL},
        {"query", PROBE_FIELD_TEXT},
    };
    for (size_t i = 0; i < look->top_count; i++)
        show(shown, i, look, rows);
    shown->table = (struct probe_table){
        columns, COUNT(columns), shown->cells, look->top_count, (int64_t)look->top_count};
    return probe_rows("statements", &shown->table);
}

void check_slow_statements(struct probe_run *run, const struct answer *answer)
{
    const struct statements_run *mine = run->data;
    const struct statements_look *look = &mine->look;
    struct shown shown;
    struct fields fields = {0};
    char summary[240];

    if (!look->compared) {
        probe_report(run, .summary = "looked at for the first time, statements are counted");
        probe_done(run);
        return;
    }
    (void)snprintf(summary,
                   sizeof(summary),
                   "%" PRId64 " slow %s among %" PRId64 " calls in %s, the slowest takes %.0f ms",
                   look->slow,
                   look->slow == 1 ? "statement" : "statements",
                   look->calls,
                   age_text(look->window_ms / 1e3).text,
                   look->worst_ms);
    fields_add(&fields, probe_int("count", look->slow));
    fields_add(&fields, probe_real("mean_ms", look->worst_ms));
    fields_add(&fields, probe_int("calls", look->calls));
    fields_add(&fields, probe_real("total_ms", look->total_ms));
    fields_add(&fields, probe_real("window_seconds", look->window_ms / 1e3));
    fields_add(&fields, statements_shown(&shown, look, &answer->rows));
    probe_report(run,
                 .summary = summary,
                 .hint = look->slow
                             ? "EXPLAIN it without ANALYZE; the check missing_indexes and a fresh "
                               "ANALYZE of its tables are where to begin"
                             : NULL,
                 .fields = fields.list);
    probe_done(run);
}

/* ---------------------------------------------------------------- asking ---- */

/* What statements_find.sql has found, in a question; it fits, since a name of 63 bytes does. */
static const char *fill(struct statements_run *mine, const char *query)
{
    const struct sql_place places[] = {
        {"schema", mine->schema}, {"total", mine->total}, {"read", mine->read}, {0}};

    (void)sql_fill(mine->sql, sizeof(mine->sql), query, places);
    return mine->sql;
}

static void on_statements(struct probe_run *run, const struct answer *answer)
{
    struct statements_run *mine = run->data;
    size_t len = 0;

    for (size_t row = 0; row < answer->rows.count; row++)
        if (!rows_text(&answer->rows, row, "queryid")) {
            probe_end(run,
                      .how = PROBE_DENIED,
                      .status = -EACCES,
                      .reason = "denied",
                      .summary = "the statements of other users are hidden from this one",
                      .hint = run->check->needs);
            return;
        }
    statements_compare(
        run->memory, &mine->look, run->config, &answer->rows, (int64_t)probe_now(&run->life));
    if (mine->look.top_count == 0) {
        check_slow_statements(run, answer);
        return;
    }
    for (size_t i = 0; i < mine->look.top_count; i++)
        len += (size_t)snprintf(mine->ids + len,
                                sizeof(mine->ids) - len,
                                "%s%" PRId64,
                                i ? "," : "{",
                                mine->look.top[i].query_id);
    (void)snprintf(mine->ids + len, sizeof(mine->ids) - len, "}");
    wire_ask(run,
             &(const struct question){.sql = fill(mine, statement_texts_sql),
                                      .params = {mine->ids},
                                      .param_count = 1,
                                      .then = check_slow_statements});
}

/* A word of a list. */
static bool has(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; at && *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == len && strncmp(at, word, len) == 0)
            return true;
    return false;
}

static void on_found(struct probe_run *run, const struct answer *answer)
{
    struct statements_run *mine = run->data;
    const struct rows *rows = &answer->rows;
    const char *schema = rows_text(rows, 0, "schema"), *columns = rows_text(rows, 0, "columns");

    if (!schema || !rows_flag(rows, 0, "loaded")) {
        probe_end(run,
                  .how = PROBE_INAPPLICABLE,
                  .status = -ENOTSUP,
                  .reason = schema ? "not_loaded" : "no_extension",
                  .summary = schema ? "the server has not loaded pg_stat_statements"
                                    : "pg_stat_statements is not in this database",
                  .hint = schema
                              ? "add it to shared_preload_libraries, and restart the server"
                              : "CREATE EXTENSION pg_stat_statements; where the server has it in "
                                "shared_preload_libraries");
        return;
    }
    (void)snprintf(mine->schema, sizeof(mine->schema), "%s", schema);
    (void)snprintf(mine->total,
                   sizeof(mine->total),
                   "%s",
                   has(columns, "total_exec_time") ? "total_exec_time" : "total_time");
    (void)snprintf(mine->read,
                   sizeof(mine->read),
                   "%s",
                   has(columns, "shared_blk_read_time") ? "shared_blk_read_time" : "blk_read_time");
    wire_ask(run,
             &(const struct question){.sql = fill(mine, statements_sql), .then = on_statements});
}

void run_slow_statements(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run, &(const struct question){.sql = statements_find_sql, .then = on_found});
}
