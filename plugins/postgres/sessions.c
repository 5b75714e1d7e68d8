#include "sessions.h"

#include <inttypes.h>

#include "common/age.h"
#include "common/percent.h"
#include "common/pq/wire.h"
#include "common/sql.h"
#include "evidence.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* --------------------------------------------------------- long_queries ---- */

const struct probe_option long_queries_options[] = {
    {"older_than",
     PROBE_DURATION_AT(struct long_queries, older_than),
     .fallback = "5s",
     .max = INT64_C(366) * 86400 * 1000,
     .help = "how long a query may run"},
    {"except_users",
     PROBE_LIST_AT(struct long_queries, except_users),
     .fallback = "",
     .help = "roles whose queries may take their time"},
    {"except_applications",
     PROBE_LIST_AT(struct long_queries, except_applications),
     .fallback = "[\"pg_dump\"]",
     .help = "the same for application_name"},
    {0},
};

const struct probe_measure long_queries_measures[] = {
    {"count", "queries that run for longer than older_than", .kind = PROBE_GAUGE},
    {"age_seconds", "how long the oldest of them runs; zero: there is none", .kind = PROBE_GAUGE},
    {0},
};

int prepare_long_queries(const void *config, void *memory, struct probe_error *error)
{
    const struct long_queries *options = config;
    struct long_queries_params *params = memory;

    (void)snprintf(params->older_than, sizeof(params->older_than), "%" PRId64, options->older_than);
    if (!sql_array(params->users, sizeof(params->users), options->except_users))
        return probe_refuse(error, "except_users", "is too long: at most about 1,000 characters");
    if (!sql_array(
            params->applications, sizeof(params->applications), options->except_applications))
        return probe_refuse(
            error, "except_applications", "is too long: at most about 1,000 characters");
    return 0;
}

void check_long_queries(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"pid", PROBE_FIELD_INT},
        {"backend_start", PROBE_FIELD_TIME},
        {"user", PROBE_FIELD_TEXT},
        {"database", PROBE_FIELD_TEXT},
        {"application", PROBE_FIELD_TEXT},
        {"client", PROBE_FIELD_TEXT},
        {"age_seconds", PROBE_FIELD_REAL},
        {"waits_for", PROBE_FIELD_TEXT},
        {"blocked_by", PROBE_FIELD_TEXT},
        {"query_id", PROBE_FIELD_TEXT},
        {"query", PROBE_FIELD_TEXT},
    };
    const struct rows *rows = &answer->rows;
    struct evidence sessions;
    int64_t count = rows_int(rows, 0, "count");
    double age = rows_real(rows, 0, "oldest_seconds");
    char summary[200];

    if (evidence_refuse_hidden(run, rows))
        return;
    if (count == 0)
        (void)snprintf(summary, sizeof(summary), "no query runs for long");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " %s for long, the oldest for %s (pid %s of %.40s)",
                       count,
                       count == 1 ? "query runs" : "queries run",
                       age_text(age).text,
                       rows_text(rows, 0, "pid"),
                       rows_text(rows, 0, "user"));
    probe_report(
        run,
        .summary = summary,
        .hint = count ? "see what it waits for; SELECT pg_cancel_backend(pid) ends a query, "
                        "and spares its session"
                      : NULL,
        .fields =
            PROBE_FIELDS(probe_int("count", count),
                         probe_real("age_seconds", age),
                         evidence_of(&sessions, "sessions", rows, columns, COUNT(columns), count)));
    probe_done(run);
}

void run_long_queries(struct probe_target *self, struct probe_run *run)
{
    const struct long_queries_params *params = run->memory;

    (void)self;
    wire_ask(run,
             &(const struct question){
                 .sql = long_queries_sql,
                 .params = {params->older_than, params->users, params->applications},
                 .param_count = 3,
                 .then = check_long_queries});
}

/* -------------------------------------------------- idle_in_transaction ---- */

const struct probe_measure idle_in_transaction_measures[] = {
    {"count", "transactions that are open while their session is idle", .kind = PROBE_GAUGE},
    {"age_seconds",
     "how long the oldest of them is idle; zero: there is none",
     .kind = PROBE_GAUGE},
    {"blocked", "sessions that wait for locks that they hold", .kind = PROBE_GAUGE},
    {0},
};

void check_idle_in_transaction(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"pid", PROBE_FIELD_INT},
        {"backend_start", PROBE_FIELD_TIME},
        {"user", PROBE_FIELD_TEXT},
        {"database", PROBE_FIELD_TEXT},
        {"application", PROBE_FIELD_TEXT},
        {"client", PROBE_FIELD_TEXT},
        {"age_seconds", PROBE_FIELD_REAL},
        {"transaction_seconds", PROBE_FIELD_REAL},
        {"aborted", PROBE_FIELD_BOOL},
        {"locks", PROBE_FIELD_INT},
        {"blocks", PROBE_FIELD_INT},
        {"query", PROBE_FIELD_TEXT},
    };
    const struct rows *rows = &answer->rows;
    struct evidence sessions;
    int64_t count = rows_int(rows, 0, "count");
    int64_t blocked = rows_int(rows, 0, "blocked");
    double age = rows_real(rows, 0, "oldest_seconds");
    char summary[240];

    if (evidence_refuse_hidden(run, rows))
        return;
    if (count == 0)
        (void)snprintf(summary, sizeof(summary), "no transaction is open and idle");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " %s open and idle, the oldest for %s (pid %s of %.40s); %" PRId64
                       " %s for %s",
                       count,
                       count == 1 ? "transaction is" : "transactions are",
                       age_text(age).text,
                       rows_text(rows, 0, "pid"),
                       rows_text(rows, 0, "user"),
                       blocked,
                       blocked == 1 ? "session waits" : "sessions wait",
                       count == 1 ? "it" : "them");
    probe_report(run,
                 .summary = summary,
                 .hint = count ? "the application forgot to commit, or waits for something else; "
                                 "idle_in_transaction_session_timeout ends such sessions"
                               : NULL,
                 .fields = PROBE_FIELDS(
                     probe_int("count", count),
                     probe_real("age_seconds", age),
                     probe_int("blocked", blocked),
                     evidence_of(&sessions, "sessions", rows, columns, COUNT(columns), count)));
    probe_done(run);
}

void run_idle_in_transaction(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run,
             &(const struct question){.sql = idle_in_transaction_sql,
                                      .then = check_idle_in_transaction});
}

/* ------------------------------------------------------------- sessions ---- */

const struct probe_measure sessions_measures[] = {
    {"count", "sessions of clients", .kind = PROBE_GAUGE},
    {"active", "sessions that run a query", .kind = PROBE_GAUGE},
    {"idle", "sessions that do nothing", .kind = PROBE_GAUGE},
    {"idle_in_transaction", "open transactions whose session does nothing", .kind = PROBE_GAUGE},
    {"waiting", "active sessions that wait for another session", .kind = PROBE_GAUGE},
    {"waiting_percent", "of the active ones", .kind = PROBE_GAUGE},
    {0},
};

void check_sessions(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"sessions", PROBE_FIELD_INT},
        {"application", PROBE_FIELD_TEXT},
        {"user", PROBE_FIELD_TEXT},
        {"state", PROBE_FIELD_TEXT},
        {"waits_for", PROBE_FIELD_TEXT},
        {"age_seconds", PROBE_FIELD_REAL},
    };
    const struct rows *rows = &answer->rows;
    struct evidence groups;
    int64_t active = rows_int(rows, 0, "active"), waiting = rows_int(rows, 0, "waiting");
    char summary[200];

    if (evidence_refuse_hidden(run, rows))
        return;
    (void)snprintf(summary,
                   sizeof(summary),
                   "%" PRId64 " sessions, %" PRId64 " active; %" PRId64
                   " of these wait for another session",
                   rows_int(rows, 0, "count"),
                   active,
                   waiting);
    probe_report(
        run,
        .summary = summary,
        .hint = waiting ? "waits_for says for what: Lock is asked by the check blocking, "
                          "LWLock and Buffer mean that many want the same page at once"
                        : NULL,
        .fields = PROBE_FIELDS(
            probe_int("count", rows_int(rows, 0, "count")),
            probe_int("active", active),
            probe_int("idle", rows_int(rows, 0, "idle")),
            probe_int("idle_in_transaction", rows_int(rows, 0, "idle_in_transaction")),
            probe_int("waiting", waiting),
            probe_real("waiting_percent", percent_of((double)waiting, (double)active)),
            evidence_of(
                &groups, "groups", rows, columns, COUNT(columns), rows_int(rows, 0, "groups"))));
    probe_done(run);
}

void run_sessions(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run, &(const struct question){.sql = sessions_sql, .then = check_sessions});
}
