#include "invariant.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "evidence.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

const struct probe_option invariant_options[] = {
    {"sql",
     PROBE_STRING_AT(struct invariant, sql),
     .help = "a SELECT whose every row is a violation; or one row with a column \"violations\""},
    {"tolerance",
     PROBE_INT_AT(struct invariant, tolerance),
     .fallback = "0",
     .max = INT64_MAX,
     .help = "how many are no fault"},
    {"max_rows",
     PROBE_INT_AT(struct invariant, max_rows),
     .fallback = "10000",
     .min = 1,
     .max = 1000000,
     .help = "how many are counted at most"},
    {"sample",
     PROBE_INT_AT(struct invariant, sample),
     .fallback = "0",
     .max = EVIDENCE_ROWS,
     .help = "of how many the first column, such as an id, is shown as evidence"},
    {"row_security",
     PROBE_BOOL_AT(struct invariant, row_security),
     .fallback = "false",
     .help = "true: be content with the rows that policies show to this role"},
    {0},
};

const struct probe_measure invariant_measures[] = {
    {"violations", "rows that should not be, max_rows at most", .kind = PROBE_GAUGE},
    {"excess", "violations beyond the tolerance", .kind = PROBE_GAUGE},
    {"query_ms", "how long the statement took", .kind = PROBE_GAUGE},
    {0},
};

int prepare_invariant(const void *config, void *memory, struct probe_error *error)
{
    const struct invariant *options = config;
    struct invariant_memory *own = memory;

    (void)snprintf(own->most, sizeof(own->most), "%" PRId64, options->max_rows);
    (void)snprintf(own->sample,
                   sizeof(own->sample),
                   "%" PRId64,
                   options->sample > 0 ? options->sample : INT64_C(1));
    (void)operator_put_settings(own->set, NULL, options->row_security, error);
    return operator_put_statement(own->sql, invariant_sql, options->sql, error);
}

/* A whole number; -1: it is none. */
static int64_t count_of(const char *text)
{
    char *end;
    int64_t value = strtoll(text, &end, 10);
    return end != text && !*end && value >= 0 ? value : -1;
}

/* How many rows violate it, or what a column says that counts them; -1: the run has ended. */
static int64_t violations_of(struct probe_run *run, const struct rows *rows)
{
    int64_t count = rows_int(rows, 0, "count");
    const char *counted = rows_text(rows, 0, "violations"), *first = rows_text(rows, 0, "named");
    int64_t violations = count == 1 && counted ? count_of(counted) : count;

    if (violations < 0)
        local_end(run,
                  .how = PROBE_FAILED,
                  .status = -EINVAL,
                  .reason = "statement",
                  .summary = "the column \"violations\" is no whole number",
                  .hint = "call the count so: count(*) AS violations");
    if (count != 1 || counted || rows_int(rows, 0, "columns") != 1 || strcmp(first, "count") != 0)
        return violations;
    local_end(run,
              .how = PROBE_FAILED,
              .status = -EINVAL,
              .reason = "statement",
              .summary = "the statement gives one row, a count, and each row counts as a violation",
              .hint = "select the rows themselves, or call the count: count(*) AS violations");
    return -1;
}

void check_invariant(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {{"id", PROBE_FIELD_TEXT}};
    const struct invariant *options = run->config;
    const struct rows *rows = &answer->rows;
    struct evidence evidence;
    int64_t violations = violations_of(run, rows);
    char summary[160];

    if (violations < 0)
        return;
    bool capped = violations == options->max_rows;
    bool shown = options->sample > 0 && !rows_text(rows, 0, "violations");
    (void)snprintf(summary,
                   sizeof(summary),
                   "%s%" PRId64 " %s %.60s",
                   capped ? "at least " : "",
                   violations,
                   violations == 1 ? "row violates" : "rows violate",
                   run->name);
    if (violations == 0)
        (void)snprintf(summary, sizeof(summary), "nothing violates %.60s", run->name);
    local_report(
        run,
        .summary = summary,
        .hint = violations && options->sample == 0 ? "`sample: 20` shows their ids" : NULL,
        .fields = PROBE_FIELDS(
            probe_int("violations", violations),
            probe_int("excess",
                      violations > options->tolerance ? violations - options->tolerance : 0),
            probe_real("query_ms", (double)answer->query_us / 1e3),
            shown ? evidence_of(&evidence, "sample", rows, columns, COUNT(columns), violations)
                  : (struct probe_field){0}));
    local_done(run);
}

static void ask_invariant(struct probe_run *run)
{
    const struct invariant_memory *own = run->memory;

    operator_ask(run,
                 &(const struct question){.sql = own->sql,
                                          .params = {own->most, own->sample},
                                          .param_count = 2,
                                          .set = own->set,
                                          .then = check_invariant});
}

void run_invariant(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    local_start(run, ask_invariant);
}
