#include "query.h"
#include "postgres_queries.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct probe_option query_options[] = {
    {"sql", PROBE_STRING_AT(struct query, sql), .help = "a SELECT that gives a number"},
    {"value",
     PROBE_STRING_AT(struct query, value),
     .fallback = "",
     .help = "the column that holds it; default: the first one"},
    {"subject",
     PROBE_STRING_AT(struct query, subject),
     .fallback = "",
     .help = "a column that names what each row is about; default: there is one row"},
    {"max_rows",
     PROBE_INT_AT(struct query, max_rows),
     .fallback = "100",
     .min = 1,
     .max = 500,
     .help = "of how many rows a finding is made; with more the check is unknown"},
    {"row_security",
     PROBE_BOOL_AT(struct query, row_security),
     .fallback = "false",
     .help = "true: be content with the rows that policies show to this role"},
    {0},
};

const struct probe_measure query_measures[] = {
    {"value", "the number", .kind = PROBE_GAUGE, .optional = true},
    {"rows", "how many rows the statement gave, max_rows at most", .kind = PROBE_GAUGE},
    {"query_ms", "how long it took", .kind = PROBE_GAUGE},
    {0},
};

int prepare_query(const void *config, void *memory, struct probe_error *error)
{
    const struct query *options = config;
    struct query_memory *own = memory;

    (void)snprintf(own->most, sizeof(own->most), "%" PRId64, options->max_rows + 1);
    (void)operator_put_settings(own->set, NULL, options->row_security, error);
    return operator_put_statement(own->sql, query_sql, options->sql, error);
}

/* True and false are one and zero; false: it is no number. */
static bool number_of(const char *text, double *ret_value)
{
    char *end;

    if (!text)
        return false;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        *ret_value = *text == 't';
        return true;
    }
    *ret_value = strtod(text, &end);
    return end != text && !*end && isfinite(*ret_value);
}

static const char *subject_of(const struct rows *rows, size_t row)
{
    const char *subject = rows_text(rows, row, "subject");
    return subject && *subject ? subject : "(none)";
}

/* What keeps the rows from being findings, or NULL. */
static const char *fault_of(const struct query *options, const struct rows *rows)
{
    double value;

    if (rows->count == 0)
        return options->subject ? NULL : "the statement gives no row";
    if (rows_int(rows, 0, "count") > options->max_rows)
        return "the statement gives more rows than max_rows";
    if (options->value && !rows_int(rows, 0, "has_value"))
        return "the statement gives no column of the name that `value` has";
    if (options->subject && !rows_int(rows, 0, "has_subject"))
        return "the statement gives no column of the name that `subject` has";
    if (!options->subject && rows->count > 1)
        return "the statement gives several rows: `subject` says which column tells them apart";
    for (size_t row = 0; row < rows->count; row++) {
        if (!number_of(rows_text(rows, row, "value"), &value))
            return "the value is no number";
        for (size_t other = 0; options->subject && other < row; other++)
            if (strcmp(subject_of(rows, other), subject_of(rows, row)) == 0)
                return "the statement gives two rows of one subject";
    }
    return NULL;
}

static void report_value(struct probe_run *run, const struct answer *answer, size_t row)
{
    const struct query *options = run->config;
    char summary[120];
    double value = 0;

    (void)number_of(rows_text(&answer->rows, row, "value"), &value);
    (void)snprintf(summary, sizeof(summary), "the value is %.15g", value);
    local_report(run,
                 .subject = options->subject ? subject_of(&answer->rows, row) : NULL,
                 .summary = summary,
                 .fields = PROBE_FIELDS(probe_real("value", value),
                                        probe_int("rows", (int64_t)answer->rows.count),
                                        probe_real("query_ms", (double)answer->query_us / 1e3)));
}

void check_query(struct probe_run *run, const struct answer *answer)
{
    const char *fault = fault_of(run->config, &answer->rows);

    if (fault) {
        local_end(run,
                  .how = PROBE_FAILED,
                  .status = -EINVAL,
                  .reason = "statement",
                  .summary = fault,
                  .hint = "correct the statement, such as SELECT count(*) AS value, "
                          "coalesce(max(x), 0), extract(epoch FROM ...)");
        return;
    }
    for (size_t row = 0; row < answer->rows.count; row++)
        report_value(run, answer, row);
    if (answer->rows.count == 0)
        local_report(run,
                     .status = PROBE_OK,
                     .summary = "there is no row",
                     .fields =
                         PROBE_FIELDS(probe_int("rows", 0),
                                      probe_real("query_ms", (double)answer->query_us / 1e3)));
    local_done(run);
}

static void ask_query(struct probe_run *run)
{
    const struct query *options = run->config;
    const struct query_memory *own = run->memory;

    operator_ask(run,
                 &(const struct question){.sql = own->sql,
                                          .params = {own->most, options->value, options->subject},
                                          .param_count = 3,
                                          .set = own->set,
                                          .then = check_query});
}

void run_query(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    local_start(run, ask_query);
}
