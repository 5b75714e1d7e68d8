/*
 * actions_suggest - suggest_indexes: which index would spare a statement reading a table in sequence.
 *
 * The statement is pg_stat_statements' own, without its literals.  It is planned as for any values
 * (EXPLAIN without ANALYZE, in a read-only transaction with a limit of time), and never executed;
 * nor is an index made.  Planning executes what is immutable, so that a statement which calls a
 * function of somebody's own is refused.  What the server says against a statement may hold a part of it,
 * and is told only where it can be no literal.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "common/sql.h"
#include "evidence.h"
#include "postgres_queries.h"
#include "suggest.h"

enum { GENERIC_SINCE = 160000, FORCED_SINCE = 120000, MOST_PARAMETERS = 400 };

const struct probe_option suggest_options[] = {
    {"query_id",
     PROBE_STRING_AT(struct suggest_config, query_id),
     .help = "of pg_stat_statements, as slow_statements shows it; of this database"},
    {"min_rows",
     PROBE_INT_AT(struct suggest_config, min_rows),
     .fallback = "10000",
     .min = 1,
     .max = INT64_C(1000000000000),
     .help = "smaller tables are read in sequence for good"},
    {"max_percent",
     PROBE_REAL_AT(struct suggest_config, max_percent),
     .fallback = "5",
     .max = 100,
     .help = "an index pays where so much of the table, at most, is left by the filter"},
    {0},
};

/* ---------------------------------------------------------------- answers ---- */

static void end(struct probe_run *run)
{
    struct suggest_run *mine = run->data;
    json_t *whole = json_pack("{s:s,s:s,s:O}",
                              "query_id",
                              ((const struct suggest_config *)run->config)->query_id,
                              "statement",
                              mine->shown,
                              "scans",
                              mine->scans);
    char *text = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
    char summary[80];

    if (!text)
        abort();
    (void)snprintf(summary,
                   sizeof(summary),
                   "%zu tables are read in sequence; %zu indexes would help",
                   mine->explained.total,
                   mine->suggested);
    probe_applied(run, .outcome = PROBE_APPLIED, .summary = summary, .json = text);
    free(text);
    json_decref(whole);
}

static void ask_columns(struct probe_run *run);

static void on_columns(struct probe_run *run, const struct answer *answer)
{
    const struct suggest_config *config = run->config;
    struct suggest_run *mine = run->data;
    const struct explained_scan *scan = &mine->explained.scans[mine->at++];
    struct suggestion said;

    suggest_judge(&said, scan, &answer->rows, config->min_rows, config->max_percent);
    mine->suggested += *said.command != '\0';
    (void)json_array_append_new(mine->scans,
                                json_pack("{s:s,s:s,s:s*}",
                                          "table",
                                          said.table,
                                          "why",
                                          said.why,
                                          "suggest",
                                          *said.command ? said.command : NULL));
    ask_columns(run);
}

static void ask_columns(struct probe_run *run)
{
    struct suggest_run *mine = run->data;
    const struct explained_scan *scan = &mine->explained.scans[mine->at];
    const char *names[EXPLAINED_COLUMNS + 1] = {0};

    if (mine->at == mine->explained.scan_count) {
        end(run);
        return;
    }
    for (size_t i = 0; i < scan->column_count; i++)
        names[i] = scan->columns[i].name;
    (void)sql_array(mine->names, sizeof(mine->names), names); /* there is room for all of them */
    wire_ask(run,
             &(const struct question){.sql = index_columns_sql,
                                      .params = {scan->schema, scan->table, mine->names},
                                      .param_count = 3,
                                      .then = on_columns});
}

/* -------------------------------------------------------------- explaining ---- */

static void on_explained(struct probe_run *run, const struct answer *answer)
{
    struct suggest_run *mine = run->data;
    const struct rows *rows = &answer->rows;
    const char *json = rows->count == 1 && rows->columns == 1 ? rows->cells[0] : NULL;

    if (!json || !explained_read(&mine->explained, json)) {
        probe_fail(run, -EPROTO, "the server's plan of the statement cannot be read");
        return;
    }
    mine->scans = json_array();
    ask_columns(run);
}

/* Its own words only where they can hold no literal: names of what is missing or denied. */
static void on_refused(struct probe_run *run, const struct trouble *trouble)
{
    char summary[160];

    if (trouble->kind == TROUBLE_DENIED) {
        trouble_end_hinted(run, trouble, run->action->needs);
    } else if (!*trouble->sqlstate || trouble->kind == TROUBLE_CANCELED ||
               strncmp(trouble->sqlstate, "42", 2) != 0) {
        trouble_end(run, trouble);
    } else {
        (void)snprintf(summary,
                       sizeof(summary),
                       "the statement cannot be planned without its literals (%s)%s",
                       trouble->sqlstate,
                       strcmp(trouble->sqlstate, "42P01") == 0
                           ? ": a table of it is not on this role's search_path"
                           : "");
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -EINVAL,
                  .reason = "not_explained",
                  .summary = summary,
                  .hint = "explain it by hand, with values in their places");
    }
}

/* The greatest n of $n outside of quotes: the text was found to be one whole statement before. */
static long parameters_of(const char *shown)
{
    long most = 0;

    for (const char *at = strchr(shown, '$'); at; at = strchr(at + 1, '$')) {
        long n = strtol(at + 1, NULL, 10);
        most = n > most && n <= MOST_PARAMETERS + 1 ? n : most;
    }
    return most;
}

/* What plans it, as a literal for PL/pgSQL's "execute". */
static bool put_literal(char *out, size_t room, const char *words, const char *query)
{
    char text[STATEMENT_ROOM + 80];

    (void)snprintf(text, sizeof(text), "%s %s", words, query);
    return sql_literal(out, room, text);
}

static void put_nulls(char *out, size_t room, long count)
{
    size_t len = 0;

    *out = '\0';
    for (long i = 0; i < count; i++)
        len += (size_t)snprintf(out + len, room - len, "%s", i ? ",null" : "(null");
    if (len)
        (void)snprintf(out + len, room - len, ")");
}

/*
 * By a block that leaves the plan in a setting of this transaction: over the extended protocol, which
 * everything else is asked by, a parameter has a value.  Before PostgreSQL 16 only what is prepared
 * can be planned for any values, and that outlives its transaction, and behind a pooler us, so that it is
 * taken back whatever comes.
 */
static bool put_block(struct suggest_run *mine, const char *query, bool generic)
{
    static const char at_once[] = "do $runbookd$ declare plan text; begin "
                                  "execute {text} into plan;"
                                  "perform set_config('runbookd.plan', plan, true);"
                                  "end $runbookd$";
    static const char prepared[] =
        "set local plan_cache_mode = force_generic_plan;"
        "do $runbookd$ declare plan text; begin "
        "execute {text};"
        "execute 'explain (format json, verbose) execute runbookd_explained{nulls}' into plan;"
        "deallocate runbookd_explained;"
        "perform set_config('runbookd.plan', plan, true);"
        "exception when query_canceled or others then "
        "if exists (select from pg_prepared_statements where name = 'runbookd_explained') then "
        "deallocate runbookd_explained; end if; raise; end $runbookd$";
    const char *words =
        generic ? "explain (generic_plan, format json, verbose)" : "prepare runbookd_explained as";
    char literal[2 * STATEMENT_ROOM + 200], nulls[MOST_PARAMETERS * 5 + 3];
    char block[sizeof(prepared) + sizeof(literal) + sizeof(nulls)];
    long count = parameters_of(mine->whole);
    const struct sql_place places[] = {{"text", literal}, {"nulls", nulls}, {0}};

    if (count > MOST_PARAMETERS || strstr(query, "$runbookd$") ||
        !put_literal(literal, sizeof(literal), words, query))
        return false;
    put_nulls(nulls, sizeof(nulls), count);
    (void)sql_fill(block, sizeof(block), generic ? at_once : prepared, places);
    (void)snprintf(
        mine->set, sizeof(mine->set), "set local standard_conforming_strings = on;%s", block);
    return true;
}

static void explain(struct probe_run *run, const char *query, int version)
{
    struct suggest_run *mine = run->data;

    if (version < FORCED_SINCE)
        probe_fail(run, -ENOTSUP, "PostgreSQL 12 or later plans a statement without its literals");
    else if (!put_block(mine, query, version >= GENERIC_SINCE))
        probe_fail(run, -E2BIG, "the statement has too many parameters");
    else
        wire_ask(run,
                 &(const struct question){.sql = "select current_setting('runbookd.plan')",
                                          .set = mine->set,
                                          .own_names = true,
                                          .then = on_explained,
                                          .otherwise = on_refused});
}

static void on_statement(struct probe_run *run, const struct answer *answer)
{
    struct suggest_run *mine = run->data;
    const struct rows *rows = &answer->rows;
    const char *query = rows_text(rows, 0, "query"), *function = rows_text(rows, 0, "function");
    const char *wrong = query ? statement_refuse_plan(query) : NULL;

    if (!query) {
        probe_fail(run, -ENOENT, "there is no such statement of this database, or it is hidden");
    } else if (wrong) {
        probe_fail(run, -EINVAL, "the statement %s", wrong);
    } else if (function) {
        probe_fail(run,
                   -EPERM,
                   "the statement may call %.63s, a function that planning it would execute",
                   function);
    } else {
        sql_normalise(mine->shown, sizeof(mine->shown), query);
        sql_normalise(mine->whole, sizeof(mine->whole), query);
        explain(run, query, answer->server_version);
    }
}

/* --------------------------------------------------------------- beginning ---- */

static void on_found(struct probe_run *run, const struct answer *answer)
{
    const struct suggest_config *config = run->config;
    struct suggest_run *mine = run->data;
    const char *schema = rows_text(&answer->rows, 0, "schema");
    const struct sql_place places[] = {{"schema", schema}, {0}};

    if (!schema || !rows_flag(&answer->rows, 0, "loaded")) {
        probe_fail(run, -ENOTSUP, "pg_stat_statements is not in this database");
        return;
    }
    (void)sql_fill(mine->sql, sizeof(mine->sql), index_statement_sql, places);
    wire_ask(run,
             &(const struct question){.sql = mine->sql,
                                      .params = {config->query_id},
                                      .param_count = 1,
                                      .then = on_statement});
}

void suggest_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    const struct suggest_config *config = run->config;
    char *after = NULL;

    (void)self;
    (void)step;
    errno = 0;
    (void)strtoll(config->query_id, &after, 10);
    if (errno || after == config->query_id || *after) {
        probe_fail(run, -EINVAL, "query_id is no number of pg_stat_statements");
        return;
    }
    wire_ask(run, &(const struct question){.sql = statements_find_sql, .then = on_found});
}

void suggest_ended(struct probe_target *self, struct probe_run *run)
{
    struct suggest_run *mine = run->data;

    json_decref(mine->scans);
    wire_release(self, run);
}
