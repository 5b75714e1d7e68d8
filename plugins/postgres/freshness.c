#include "freshness.h"

#include <inttypes.h>
#include <string.h>

#include "common/age.h"
#include "common/sql.h"
#include "evidence.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* freshness_groups.sql gives one more. */
enum { MOST_GROUPS = 200 };

const struct probe_option freshness_options[] = {
    {"table", PROBE_STRING_AT(struct freshness, table), .help = "the table: events, audit.events"},
    {"column",
     PROBE_STRING_AT(struct freshness, column),
     .fallback = "created_at",
     .help = "when a row came: a timestamp or date, best with an index"},
    {"where",
     PROBE_STRING_AT(struct freshness, where),
     .fallback = "",
     .help = "which rows count, as an SQL condition: action LIKE 'payment%'"},
    {"group",
     PROBE_STRING_AT(struct freshness, group),
     .fallback = "",
     .help = "a column: each of its values is a subject, such as a source"},
    {"expect",
     PROBE_LIST_AT(struct freshness, expect),
     .fallback = "",
     .help = "groups that must be there; a missing one is as old as the window"},
    {"window",
     PROBE_DURATION_AT(struct freshness, window),
     .fallback = "7d",
     .min = 1000,
     .max = INT64_C(3660) * 86400 * 1000,
     .help = "how far to look back: more than the conditions' ages"},
    {"timezone",
     PROBE_STRING_AT(struct freshness, timezone),
     .fallback = "UTC",
     .help = "of times without a time zone"},
    {"row_security",
     PROBE_BOOL_AT(struct freshness, row_security),
     .fallback = "false",
     .help = "true: be content with the rows that policies show to this role"},
    {0},
};

const struct probe_measure freshness_measures[] = {
    {"age_seconds",
     "of the newest row, in all or of the group; the window, where there is none in it",
     .kind = PROBE_GAUGE},
    {"groups",
     "how many there are, without the missing ones",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"missing_groups",
     "expected ones without a row in the window",
     .kind = PROBE_GAUGE,
     .optional = true},
    {0},
};

/* ------------------------------------------------------------ preparing ---- */

int prepare_freshness(const void *config, void *memory, struct probe_error *error)
{
    const struct freshness *options = config;
    struct freshness_memory *own = memory;
    char table[OPERATOR_NAME_ROOM], column[OPERATOR_NAME_ROOM], group[OPERATOR_NAME_ROOM];
    struct sql_place places[] = {
        {"table", table}, {"column", column}, {"group", group}, {"where", NULL}, {0}};

    if (!sql_name(table, sizeof(table), options->table))
        return probe_refuse(error, "table", "is no name of a table");
    if (!sql_name(column, sizeof(column), options->column))
        return probe_refuse(error, "column", "is no name of a column");
    if (options->group && !sql_name(group, sizeof(group), options->group))
        return probe_refuse(error, "group", "is no name of a column");
    if (options->expect && *options->expect && !options->group)
        return probe_refuse(error, "expect", "needs `group`, the column that holds them");
    if (!sql_array(own->expect, sizeof(own->expect), options->expect))
        return probe_refuse(error, "expect", "is too long: at most about 2,000 characters");

    (void)snprintf(own->window, sizeof(own->window), "%.3f", (double)options->window / 1e3);
    int status = operator_put_settings(own->set, options->timezone, options->row_security, error);
    if (status < 0)
        return status;
    return operator_put_question(own->sql,
                                 options->group ? freshness_groups_sql : freshness_newest_sql,
                                 places,
                                 options->where,
                                 error);
}

/* ------------------------------------------------------------ reporting ---- */

static const char *name_of(const struct rows *rows, size_t row)
{
    const char *name = rows_text(rows, row, "name");
    return name && *name ? name : "(none)";
}

static bool is_missing(const struct rows *rows, size_t row)
{
    return !rows_text(rows, row, "last_at");
}

/* Where there is no row in the window, the newest is at least that old. */
static double age_of(const struct freshness *options, const struct rows *rows, size_t row)
{
    return is_missing(rows, row) ? (double)options->window / 1e3
                                 : rows_real(rows, row, "age_seconds");
}

static void say_newest(char *out, size_t room, double age, bool missing)
{

    if (missing)
        (void)snprintf(out, room, "there is no row of the last %s", age_text(age).text);
    else
        (void)snprintf(out, room, "the newest row is %s old", age_text(age).text);
}

static void report_groups(struct probe_run *run, const struct rows *rows)
{
    char summary[120];

    for (size_t row = 0; row < rows->count; row++) {
        double age = age_of(run->config, rows, row);
        say_newest(summary, sizeof(summary), age, is_missing(rows, row));
        local_report(run,
                     .subject = name_of(rows, row),
                     .summary = summary,
                     .fields = PROBE_FIELDS(probe_real("age_seconds", age)));
    }
}

/* All groups together are as fresh as the freshest: all are stale if this one is. */
static void report_table(struct probe_run *run, const struct rows *rows)
{
    static const struct probe_column columns[] = {{"name", PROBE_FIELD_TEXT},
                                                  {"expected", PROBE_FIELD_BOOL},
                                                  {"last_at", PROBE_FIELD_TEXT},
                                                  {"age_seconds", PROBE_FIELD_REAL}};
    const struct freshness *options = run->config;
    double age = (double)options->window / 1e3;
    struct evidence evidence;
    int64_t missing = 0;
    char newest[80], summary[240];

    for (size_t row = 0; row < rows->count; row++) {
        missing += is_missing(rows, row);
        if (age_of(options, rows, row) < age)
            age = age_of(options, rows, row);
    }
    int64_t groups = (int64_t)rows->count - missing;
    say_newest(newest, sizeof(newest), age, groups == 0);
    (void)snprintf(summary, sizeof(summary), "%s: %s", options->table, newest);
    if (!options->group) {
        local_report(run,
                     .summary = summary,
                     .fields = PROBE_FIELDS(probe_real("age_seconds", age),
                                            probe_text("last_at", rows_text(rows, 0, "last_at"))));
        return;
    }
    size_t len = strlen(summary);
    (void)snprintf(summary + len,
                   sizeof(summary) - len,
                   "; %" PRId64 " groups, %" PRId64 " missing",
                   groups,
                   missing);
    local_report(
        run,
        .summary = summary,
        .fields = PROBE_FIELDS(
            probe_real("age_seconds", age),
            probe_int("groups", groups),
            probe_int("missing_groups", missing),
            evidence_of(
                &evidence, "stalest", rows, columns, COUNT(columns), (int64_t)rows->count)));
    report_groups(run, rows);
}

void check_freshness(struct probe_run *run, const struct answer *answer)
{
    const struct freshness *options = run->config;

    if (answer->rows.count > MOST_GROUPS) {
        local_end(run,
                  .how = PROBE_FAILED,
                  .status = -E2BIG,
                  .reason = "groups",
                  .summary = "there are more than 200 groups",
                  .hint = "choose a coarser `group`, or bound it with `where`");
        return;
    }
    if (!options->group && answer->rows.count != 1) {
        local_end(run,
                  .how = PROBE_FAILED,
                  .status = -EPROTO,
                  .reason = "other",
                  .summary = "the server does not say how old the newest row is");
        return;
    }
    report_table(run, &answer->rows);
    local_done(run);
}

static void ask_freshness(struct probe_run *run)
{
    const struct freshness *options = run->config;
    const struct freshness_memory *own = run->memory;

    operator_ask(run,
                 &(const struct question){.sql = own->sql,
                                          .params = {own->window, own->expect},
                                          .param_count = options->group ? 2 : 1,
                                          .set = own->set,
                                          .then = check_freshness});
}

void run_freshness(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    local_start(run, ask_freshness);
}
