#include "databases.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/age.h"
#include "common/percent.h"
#include "common/pq/wire.h"
#include "common/sql.h"
#include "evidence.h"
#include "postgres_queries.h"
#include "window.h"

enum { NAME_ROOM = 256 };

const struct probe_option database_errors_options[] = {
    {"window",
     PROBE_DURATION_AT(struct database_errors, window),
     .fallback = "5m",
     .min = 1000,
     .max = INT64_C(86400) * 1000,
     .help = "how far back errors are counted"},
    {"except",
     PROBE_LIST_AT(struct database_errors, except),
     .fallback = "[rdsadmin, cloudsqladmin, azure_maintenance]",
     .help = "databases that are none of ours"},
    {0},
};

/* The order of a reading's values. */
enum value { COMMITS, ROLLBACKS, DEADLOCKS, CONFLICTS, TEMP, KILLED, FATAL, ABANDONED };
static const char *const columns[] = {
    [COMMITS] = "commits",
    [ROLLBACKS] = "rollbacks",
    [DEADLOCKS] = "deadlocks",
    [CONFLICTS] = "conflicts",
    [TEMP] = "temp_bytes",
    [KILLED] = "sessions_killed",
    [FATAL] = "sessions_fatal",
    [ABANDONED] = "sessions_abandoned",
};
_Static_assert(sizeof(columns) / sizeof(*columns) == WINDOW_VALUES, "one column each");

#define SOMETIMES .kind = PROBE_GAUGE, .optional = true
const struct probe_measure database_errors_measures[] = {
    {"deadlocks", "in the window", SOMETIMES},
    {"conflicts", "queries that a standby ended because of its primary, in the window", SOMETIMES},
    {"transactions", "that ended in the window", SOMETIMES},
    {"rollbacks", "of these", SOMETIMES},
    {"rollback_percent", "of these", SOMETIMES},
    {"sessions_killed", "ended by an operator, in the window; from 14 on", SOMETIMES},
    {"sessions_fatal", "ended by an error, in the window; from 14 on", SOMETIMES},
    {"sessions_abandoned", "whose client was lost, in the window; from 14 on", SOMETIMES},
    {"temp_bytes", "written to temporary files in the window", SOMETIMES},
    {"window_seconds", "how long the window is; absent after the first look", SOMETIMES},
    {"checksum_failures",
     "pages that were found to be damaged, since the statistics were reset",
     .kind = PROBE_COUNTER,
     .optional = true},
    {0},
};

/* What one database has counted. */
struct database_counts {
    char name[NAME_ROOM];
    bool seen; /* in this reply */
    struct window window;
};

int prepare_database_errors(const void *config, void *memory, struct probe_error *error)
{
    const struct database_errors *options = config;
    struct database_errors_memory *mine = memory;

    if (!sql_array(mine->except, sizeof(mine->except), options->except))
        return probe_refuse(error, "except", "is too long: at most about 1,000 characters");
    return 0;
}

void forget_database_errors(void *memory)
{
    struct database_errors_memory *mine = memory;

    free(mine->counts);
    mine->counts = NULL;
    mine->count = 0;
}

/* Those of a database; zeroed at first. */
static struct database_counts *counts_of(struct database_errors_memory *mine, const char *name)
{
    for (size_t i = 0; i < mine->count; i++)
        if (strcmp(mine->counts[i].name, name) == 0)
            return &mine->counts[i];
    struct database_counts *grown = realloc(mine->counts, (mine->count + 1) * sizeof(*grown));
    if (!grown)
        abort();
    mine->counts = grown;
    memset(&grown[mine->count], 0, sizeof(*grown));
    (void)snprintf(grown[mine->count].name, NAME_ROOM, "%s", name);
    return &grown[mine->count++];
}

/* A database that was dropped is forgotten. */
static void keep_seen(struct database_errors_memory *mine)
{
    size_t kept = 0;
    for (size_t i = 0; i < mine->count; i++) {
        if (!mine->counts[i].seen)
            continue;
        mine->counts[i].seen = false;
        if (kept != i)
            mine->counts[kept] = mine->counts[i];
        kept++;
    }
    mine->count = kept;
}

static void add_grown(struct fields *fields, const struct rows *rows, size_t row,
                      const struct window *window)
{
    int64_t rollbacks = window_grown(window, ROLLBACKS);
    int64_t transactions = window_grown(window, COMMITS) + rollbacks;

    if (!window_known(window))
        return;
    for (size_t i = ROLLBACKS; i < WINDOW_VALUES; i++)
        if (rows_text(rows, row, columns[i]))
            fields_add(fields, probe_int(columns[i], window_grown(window, i)));
    fields_add(fields, probe_int("transactions", transactions));
    fields_add(fields,
               probe_real("rollback_percent", percent_of((double)rollbacks, (double)transactions)));
    fields_add(fields, probe_real("window_seconds", (double)window_ms(window) / 1e3));
}

static void say_errors(char *out, size_t room, const char *subject, const struct window *window,
                       int64_t damaged)
{
    size_t len;

    if (!window_known(window))
        (void)snprintf(out, room, "%s: looked at for the first time, errors are counted", subject);
    else
        (void)snprintf(out,
                       room,
                       "%s: deadlocks %" PRId64 ", conflicts %" PRId64 ", rollbacks %" PRId64
                       " of %" PRId64 " in %s",
                       subject,
                       window_grown(window, DEADLOCKS),
                       window_grown(window, CONFLICTS),
                       window_grown(window, ROLLBACKS),
                       window_grown(window, COMMITS) + window_grown(window, ROLLBACKS),
                       age_text((double)window_ms(window) / 1e3).text);
    len = strlen(out);
    if (damaged > 0)
        (void)snprintf(out + len, room - len, "; %" PRId64 " damaged pages", damaged);
}

static const char *hint_of(const struct window *window, int64_t damaged)
{
    if (damaged > 0)
        return "data is damaged: fail over or restore what is hit, check the disks, and when it is "
               "mended SELECT pg_stat_reset() in that database";
    if (window_grown(window, DEADLOCKS) > 0)
        return "the server's log says which statements; take locks in one order";
    if (window_grown(window, CONFLICTS) > 0)
        return "the standby ends queries that are in the way of replay: "
               "max_standby_streaming_delay or hot_standby_feedback";
    return NULL;
}

static void report_database(struct probe_run *run, const struct rows *rows, size_t row)
{
    const struct database_errors *options = run->config;
    const char *name = rows_text(rows, row, "database");
    const char *subject = name && *name ? name : "(shared)";
    struct database_counts *counts = counts_of(run->memory, subject);
    struct window_reading reading = {.at_ms = (int64_t)probe_now(&run->life)};
    struct fields fields = {0};
    int64_t damaged = rows_int(rows, row, "checksum_failures");
    char summary[420];

    for (size_t i = 0; i < WINDOW_VALUES; i++)
        reading.values[i] = rows_int(rows, row, columns[i]);
    counts->seen = true;
    window_add(&counts->window, options->window, &reading);
    add_grown(&fields, rows, row, &counts->window);
    fields_add_int(&fields, "checksum_failures", rows, row);
    fields_add_time(&fields, "checksum_last_failure", rows, row);
    fields_add_time(&fields, "counted_since", rows, row);
    say_errors(summary, sizeof(summary), subject, &counts->window, damaged);
    probe_report(run,
                 .subject = subject,
                 .summary = summary,
                 .hint = hint_of(&counts->window, damaged),
                 .fields = fields.list);
}

/* What is not looked at is not well, but unknown. */
static void report_others(struct probe_run *run, int64_t count, int64_t total)
{
    char summary[120];

    (void)snprintf(summary,
                   sizeof(summary),
                   "%" PRId64 " of %" PRId64 " databases are too many to look at",
                   total - count,
                   total);
    probe_report(run,
                 .status = PROBE_UNKNOWN,
                 .subject = "(others)",
                 .summary = summary,
                 .hint = "leave those out that do not matter: except");
}

void check_database_errors(struct probe_run *run, const struct answer *answer)
{
    int64_t count = (int64_t)answer->rows.count, total = rows_int(&answer->rows, 0, "total");

    for (size_t row = 0; row < answer->rows.count; row++)
        report_database(run, &answer->rows, row);
    keep_seen(run->memory);
    if (total > count)
        report_others(run, count, total);
    if (count == 0)
        probe_report(run, .summary = "there is no database to count errors in");
    probe_done(run);
}

void run_database_errors(struct probe_target *self, struct probe_run *run)
{
    const struct database_errors_memory *mine = run->memory;

    (void)self;
    wire_ask(run,
             &(const struct question){.sql = database_errors_sql,
                                      .params = {mine->except},
                                      .param_count = 1,
                                      .then = check_database_errors});
}
