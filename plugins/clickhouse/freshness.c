/*
 * freshness - how old the newest row of a table is.
 *
 * Only what came within `lookback` is read, so that a large table's primary key or partitions help;
 * rows from the future are not counted as new.  Both times are the server's own.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "clickhouse_queries.h"
#include "common/age.h"

int freshness_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct freshness_config *config = config_;
    struct quoted *quoted = memory;

    if (!*config->table)
        return probe_refuse(error, "table", "is empty");
    if (!*config->column)
        return probe_refuse(error, "column", "is empty");
    quoted->second = template_name(config->column);
    (void)snprintf(quoted->number, sizeof(quoted->number), "%" PRId64, config->lookback / 1000);
    return quoted->second ? 0 : probe_refuse(error, NULL, "out of memory");
}

static void on_freshness(struct probe_run *run, const struct answer *answer)
{
    const struct freshness_config *config = run->config;
    const struct rows *rows = &answer->rows;
    int64_t now = rows_int(rows, 0, "now"), last = rows_int(rows, 0, "last");
    int64_t read = rows_int(rows, 0, "rows_looked_at");
    double age = read > 0 ? (double)(now - last) : (double)config->lookback / 1000;
    char summary[300];

    if (read > 0)
        (void)snprintf(summary,
                       sizeof(summary),
                       "the newest row of %.100s is %s old",
                       config->table,
                       age_text(age < 0 ? 0 : age).text);
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "no row of %.100s is younger than %s",
                       config->table,
                       age_text(age).text);
    struct probe_field newest =
        read > 0 ? probe_time("newest", last * 1000) : (struct probe_field){0};
    probe_report(run,
                 .summary = summary,
                 .hint = age > 3600 ? "see what writes it; the limit must be longer than twice its "
                                      "interval"
                                    : NULL,
                 .fields =
                     PROBE_FIELDS(probe_real("age_seconds", age < 0 ? 0 : age),
                                  probe_int("rows_last_hour", rows_int(rows, 0, "rows_last_hour")),
                                  probe_int("rows_read", read),
                                  newest));
    probe_done(run);
}

/* What does not fit is what the operator wrote, not the server's age. */
static void on_trouble(struct probe_run *run, const struct trouble *trouble)
{
    struct trouble ours = *trouble;
    if (trouble->how == PROBE_INAPPLICABLE) {
        ours.how = PROBE_FAILED;
        ours.reason = "config";
        ours.hint = "correct the check's `table` and `column`";
    }
    trouble_end(run, &ours);
}

void freshness_run(struct probe_target *self, struct probe_run *run)
{
    const struct server *server = self->data;
    const struct freshness_config *config = run->config;
    struct quoted *quoted = run->memory;

    if (!quoted->first)
        quoted->first = template_table(config->table, server->database);
    wire_ask(run,
             &(const struct question){.sql = freshness_sql,
                                      .params = {{"table", quoted->first},
                                                 {"column", quoted->second},
                                                 {"lookback", quoted->number}},
                                      .then = on_freshness,
                                      .otherwise = on_trouble});
}
