/*
 * actions_execute - execute: the operator's own statement, for no more rows than were planned.
 *
 * A plan counts, by the operator's own query, and shows how the server would go about it (EXPLAIN,
 * which executes nothing).  When it is applied, the transaction is rolled back if the server says
 * that more rows were changed.  Rows that triggers or cascades change are not counted by it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "common/sql.h"
#include "statement.h"

enum { MOST_NODES = 4, NODE_ROOM = 100 };

const struct probe_option execute_options[] = {
    {"statement",
     PROBE_STRING_AT(struct execute_config, statement),
     .help = "one INSERT, UPDATE, DELETE or MERGE; UPDATE and DELETE with a WHERE"},
    {"count",
     PROBE_STRING_AT(struct execute_config, count),
     .help = "a query whose one number is how many rows the statement changes"},
    {"most",
     PROBE_INT_AT(struct execute_config, most),
     .fallback = "1000",
     .min = 1,
     .max = 1000 * 1000,
     .help = "how many rows there may be at most"},
    {"lock_timeout",
     PROBE_DURATION_AT(struct execute_config, lock_ms),
     .fallback = "2s",
     .min = 1,
     .max = 60 * 1000,
     .help = "how long to wait for a lock"},
    {0},
};

/* What is wrong with the statement ends the run, before anything is asked. */
static bool refuse(struct probe_run *run)
{
    const struct execute_config *config = run->config;
    const char *wrong = statement_refuse(config->statement);

    if (wrong)
        probe_fail(run, -EINVAL, "the statement %s", wrong);
    return wrong != NULL;
}

/* ---------------------------------------------------------------- plan ---- */

/* "  ->  Seq Scan on orders  (cost=...": how a node is called; conditions hold literals. */
static bool node_of(const char *line, char out[NODE_ROOM])
{
    const char *cost = line ? strstr(line, "  (cost=") : NULL;

    if (!cost)
        return false;
    line += strspn(line, " ->");
    (void)snprintf(out, NODE_ROOM, "%.*s", (int)(cost - line), line);
    return true;
}

static void say_nodes(const struct rows *rows, char *out, size_t room)
{
    size_t len = 0, nodes = 0;
    char node[NODE_ROOM];

    *out = '\0';
    for (size_t row = 0; row < rows->count && nodes < MOST_NODES; row++) {
        if (!node_of(rows_text(rows, row, "QUERY PLAN"), node))
            continue;
        (void)snprintf(out + len, room - len, "%s%s", nodes++ ? ", " : "", node);
        len = strlen(out);
    }
}

static void on_counted(struct probe_run *run, const struct answer *answer)
{
    const struct execute_config *config = run->config;
    const struct execute_run *execute = run->data;
    const struct rows *rows = &answer->rows;
    const char *cell = rows->count == 1 && rows->columns == 1 ? rows->cells[0] : NULL;
    char *end = NULL, key[400], what[400 + sizeof(execute->nodes) + 80], json[40];
    int64_t count = cell ? strtoll(cell, &end, 10) : -1;

    if (!cell || end == cell || *end || count < 0) {
        probe_fail(run, -EINVAL, "the count does not answer with one number");
        return;
    }
    if (count > config->most) {
        probe_fail(run,
                   -ERANGE,
                   "%" PRId64 " rows would change, more than the %" PRId64 " of the option most",
                   count,
                   config->most);
        return;
    }
    sql_normalise(key, sizeof(key), config->statement);
    (void)snprintf(json, sizeof(json), "{\"rows\":%" PRId64 "}", count);
    (void)snprintf(
        what, sizeof(what), "change %" PRId64 " rows: %s; by %s", count, key, execute->nodes);
    const struct probe_step step = {.key = key, .what = what, .json = json, .count = count};
    probe_planned(run,
                  .steps = &step,
                  .step_count = count > 0,
                  .total = count,
                  .note = count > 0 ? "it is rolled back if more rows than these change"
                                    : "there are no such rows");
}

static void on_explained(struct probe_run *run, const struct answer *answer)
{
    const struct execute_config *config = run->config;
    struct execute_run *execute = run->data;

    say_nodes(&answer->rows, execute->nodes, sizeof(execute->nodes));
    wire_ask(run,
             &(const struct question){.sql = config->count, .own_names = true, .then = on_counted});
}

void execute_plan(struct probe_target *self, struct probe_run *run)
{
    const struct execute_config *config = run->config;
    struct execute_run *execute = run->data;

    (void)self;
    if (refuse(run))
        return;
    (void)snprintf(execute->sql, sizeof(execute->sql), "explain %s", config->statement);
    wire_ask(
        run,
        &(const struct question){.sql = execute->sql, .own_names = true, .then = on_explained});
}

/* --------------------------------------------------------------- apply ---- */

static void on_executed(struct probe_run *run, const struct answer *answer)
{
    const struct execute_run *execute = run->data;
    char summary[100], json[40];

    (void)snprintf(summary,
                   sizeof(summary),
                   "%" PRId64 " of %" PRId64 " planned rows changed",
                   answer->affected,
                   execute->rows);
    (void)snprintf(json, sizeof(json), "{\"rows\":%" PRId64 "}", answer->affected);
    probe_applied(run, .outcome = PROBE_APPLIED, .summary = summary, .json = json);
}

static void on_refused(struct probe_run *run, const struct trouble *trouble)
{
    if (trouble->kind == TROUBLE_ROWS)
        probe_applied(run, .outcome = PROBE_SKIPPED, .summary = trouble->text);
    else
        trouble_end(run, trouble);
}

void execute_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    const struct execute_config *config = run->config;
    struct execute_run *execute = run->data;
    const char *digits = step->json ? strpbrk(step->json, "0123456789") : NULL;
    char key[400];

    (void)self;
    sql_normalise(key, sizeof(key), config->statement);
    if (!digits || strcmp(step->key, key) != 0) {
        probe_fail(run, -EINVAL, "the step is of another statement");
        return;
    }
    if (refuse(run))
        return;
    execute->rows = strtoll(digits, NULL, 10);
    wire_ask(run,
             &(const struct question){.sql = config->statement,
                                      .frame = WIRE_READ_WRITE,
                                      .own_names = true,
                                      .most_rows = execute->rows,
                                      .lock_ms = config->lock_ms,
                                      .then = on_executed,
                                      .otherwise = on_refused});
}
