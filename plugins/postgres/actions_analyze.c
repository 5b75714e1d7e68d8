/*
 * actions_analyze - analyze_table: fresh statistics for the planner.
 *
 * The server skips a table that is not ours to analyse with a warning and no error, so the right is
 * asked for before, and that the table's statistics have moved, after.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "common/age.h"
#include "common/sql.h"
#include "evidence.h"
#include "postgres_queries.h"

enum { POLL_MS = 100, SEEN_MS = 2000 };

const struct probe_option analyze_options[] = {
    {"tables",
     PROBE_LIST_AT(struct analyze_config, tables),
     .help = "schema.table, or of the schema public"},
    {"unless_within",
     PROBE_DURATION_AT(struct analyze_config, lately_ms),
     .fallback = "1h",
     .help = "one that was analysed so lately is left alone"},
    {"lock_timeout",
     PROBE_DURATION_AT(struct analyze_config, lock_ms),
     .fallback = "2s",
     .min = 1,
     .max = 60 * 1000,
     .help = "how long to wait for a lock"},
    {0},
};

/* Asks about one table, or with NULL about all. */
static void ask(struct probe_run *run, const char *table, wire_answer_fn *then)
{
    const struct analyze_config *config = run->config;
    struct analyze_run *analyze = run->data;
    const char *const one[] = {table, NULL};

    (void)snprintf(analyze->lately, sizeof(analyze->lately), "%" PRId64, config->lately_ms);
    if (!sql_array(analyze->tables, sizeof(analyze->tables), table ? one : config->tables)) {
        probe_fail(run, -EINVAL, "the list of tables is too long: about 1,000 characters at most");
        return;
    }
    wire_ask(run,
             &(const struct question){.sql = analyze_table_sql,
                                      .params = {analyze->tables, analyze->lately},
                                      .param_count = 2,
                                      .then = then});
}

/* What is wrong with a table, and has ended the run; false: nothing. */
static bool refuse(struct probe_run *run, const struct rows *rows, size_t row)
{
    const char *name = rows_text(rows, row, "name");
    char summary[160];

    if (!rows_text(rows, row, "oid") || !rows_flag(rows, row, "has_rows")) {
        probe_fail(run, -ENOENT, "there is no table %.100s", name ? name : "");
        return true;
    }
    if (rows_flag(rows, row, "may"))
        return false;
    (void)snprintf(summary, sizeof(summary), "%.100s is not for this role to analyse", name);
    probe_end(run,
              .how = PROBE_DENIED,
              .status = -EACCES,
              .reason = "denied",
              .summary = summary,
              .hint = run->action->needs);
    return true;
}

/* ---------------------------------------------------------------- plan ---- */

static void add_step(struct analyze_run *analyze, struct probe_step *step, size_t nth,
                     const struct rows *rows, size_t row)
{
    bool before = rows_text(rows, row, "age_seconds") != NULL;

    const struct age_text age = age_text(rows_real(rows, row, "age_seconds"));
    (void)snprintf(
        analyze->keys[nth], sizeof(*analyze->keys), "%s", rows_text(rows, row, "quoted"));
    (void)snprintf(analyze->whats[nth],
                   sizeof(*analyze->whats),
                   "analyse %.140s, about %" PRId64 " rows, %s%s%s",
                   rows_text(rows, row, "quoted"),
                   rows_int(rows, row, "rows"),
                   before ? "last analysed " : "never analysed",
                   before ? age.text : "",
                   before ? " ago" : "");
    (void)snprintf(
        analyze->json[nth], sizeof(*analyze->json), "{\"oid\":%s}", rows_text(rows, row, "oid"));
    *step = (struct probe_step){
        .key = analyze->keys[nth], .what = analyze->whats[nth], .json = analyze->json[nth]};
}

static void on_planned(struct probe_run *run, const struct answer *answer)
{
    struct analyze_run *analyze = run->data;
    const struct rows *rows = &answer->rows;
    struct probe_step steps[ANALYZE_TABLES];
    size_t count = 0;
    char note[100];

    if (rows->count > ANALYZE_TABLES) {
        probe_fail(run, -EINVAL, "tables names more than %d", ANALYZE_TABLES);
        return;
    }
    for (size_t row = 0; row < rows->count; row++) {
        if (refuse(run, rows, row))
            return;
        if (!rows_flag(rows, row, "lately"))
            add_step(analyze, &steps[count], count, rows, row), count++;
    }
    (void)snprintf(note,
                   sizeof(note),
                   "%zu of %zu tables were analysed lately enough",
                   rows->count - count,
                   rows->count);
    probe_planned(run,
                  .steps = steps,
                  .step_count = count,
                  .total = (int64_t)rows->count,
                  .note = count < rows->count ? note : NULL);
}

void analyze_plan(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    ask(run, NULL, on_planned);
}

/* --------------------------------------------------------------- apply ---- */

static void on_seen(struct probe_run *run, const struct answer *answer);

static void on_pause(int status, void *data)
{
    struct probe_run *run = data;
    const struct analyze_run *analyze = run->data;

    if (status == 0)
        ask(run, analyze->table, on_seen);
    else
        probe_fail(run, status, "ended before its statistics were seen");
}

/* Before 15 the statistics are gathered by a process that takes its time. */
static void on_seen(struct probe_run *run, const struct answer *answer)
{
    const struct analyze_run *analyze = run->data;
    double epoch = rows_real(&answer->rows, 0, "analyzed_epoch");

    if (epoch > analyze->before_epoch)
        probe_applied(run, .outcome = PROBE_APPLIED);
    else if (probe_now(&run->life) < analyze->until_ms)
        probe_timer(&run->life, POLL_MS, on_pause, run);
    else
        probe_applied(run,
                      .outcome = PROBE_APPLIED,
                      .summary = "done; the server's statistics do not show it (track_counts?)");
}

static void on_analyzed(struct probe_run *run, const struct answer *answer)
{
    struct analyze_run *analyze = run->data;

    (void)answer;
    analyze->until_ms = probe_now(&run->life) + SEEN_MS;
    ask(run, analyze->table, on_seen);
}

static void on_checked(struct probe_run *run, const struct answer *answer)
{
    const struct analyze_config *config = run->config;
    struct analyze_run *analyze = run->data;
    const struct rows *rows = &answer->rows;
    const char *oid = rows_text(rows, 0, "oid"), *quoted = rows_text(rows, 0, "quoted");

    if (!oid || strcmp(oid, analyze->oid) != 0) {
        probe_applied(run, .outcome = PROBE_SKIPPED, .summary = "it is another table by now");
    } else if (rows_flag(rows, 0, "lately")) {
        probe_applied(run, .outcome = PROBE_SKIPPED, .summary = "it was analysed meanwhile");
    } else if (!refuse(run, rows, 0)) {
        analyze->before_epoch = rows_real(rows, 0, "analyzed_epoch");
        (void)snprintf(analyze->sql, sizeof(analyze->sql), "analyze %s", quoted);
        wire_ask(run,
                 &(const struct question){.sql = analyze->sql,
                                          .frame = WIRE_READ_WRITE,
                                          .lock_ms = config->lock_ms,
                                          .then = on_analyzed});
    }
}

void analyze_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    struct analyze_run *analyze = run->data;
    const char *oid = step->json ? strpbrk(step->json, "0123456789") : NULL;

    (void)self;
    (void)snprintf(analyze->table, sizeof(analyze->table), "%s", step->key);
    (void)snprintf(analyze->oid, sizeof(analyze->oid), "%llu", oid ? strtoull(oid, NULL, 10) : 0);
    ask(run, analyze->table, on_checked);
}
