#include "blocking.h"

#include <inttypes.h>
#include <string.h>

#include "common/age.h"
#include "common/pq/wire.h"
#include "evidence.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

const struct probe_option blocking_options[] = {
    {"min_wait",
     PROBE_DURATION_AT(struct blocking, min_wait),
     .fallback = "5s",
     .max = INT64_C(86400) * 1000,
     .help = "how long a session may wait for a lock before it counts"},
    {0},
};

const struct probe_measure blocking_measures[] = {
    {"waiting", "sessions that wait for a lock for longer than min_wait", .kind = PROBE_GAUGE},
    {"wait_seconds",
     "how long the longest of them waits; zero: there is none",
     .kind = PROBE_GAUGE},
    {"blockers",
     "sessions that make others wait, and wait for no lock themselves",
     .kind = PROBE_GAUGE},
    {0},
};

int prepare_blocking(const void *config, void *memory, struct probe_error *error)
{
    const struct blocking *options = config;
    struct blocking_params *params = memory;

    (void)error;
    (void)snprintf(params->min_wait, sizeof(params->min_wait), "%" PRId64, options->min_wait);
    return 0;
}

/* The root that most wait for comes first. */
static const char *say_root(const struct rows *rows, size_t row, char *out, size_t room)
{
    if (rows_is(rows, row, "pid", "0"))
        (void)snprintf(out,
                       room,
                       "a prepared transaction (%.80s)",
                       rows_text(rows, row, "application") ? rows_text(rows, row, "application")
                                                           : "gone");
    else
        (void)snprintf(out,
                       room,
                       "pid %s of %.40s (%.40s, %.40s)",
                       rows_text(rows, row, "pid"),
                       rows_text(rows, row, "user") ? rows_text(rows, row, "user") : "the server",
                       rows_text(rows, row, "application") ? rows_text(rows, row, "application")
                                                           : "gone",
                       rows_text(rows, row, "state") ? rows_text(rows, row, "state") : "at work");
    return out;
}

static const char *hint_of(const struct rows *rows, size_t row, char *out, size_t room)
{
    const char *pid = rows_text(rows, row, "pid"), *state = rows_text(rows, row, "state");

    if (!rows_is(rows, row, "part", "root"))
        return "they wait for each other: the server ends such a deadlock itself";
    if (rows_is(rows, row, "pid", "0"))
        return "its coordinator is gone: COMMIT PREPARED or ROLLBACK PREPARED ends it";
    (void)snprintf(out,
                   room,
                   state && strncmp(state, "idle in", 7) == 0
                       ? "SELECT pg_terminate_backend(%s) ends the root; it does nothing, so there "
                         "is no query to cancel"
                       : "SELECT pg_cancel_backend(%s) ends the root's query, and spares its "
                         "session",
                   pid);
    return out;
}

void check_blocking(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column root_columns[] = {
        {"pid", PROBE_FIELD_INT},
        {"backend_start", PROBE_FIELD_TIME},
        {"user", PROBE_FIELD_TEXT},
        {"database", PROBE_FIELD_TEXT},
        {"application", PROBE_FIELD_TEXT},
        {"client", PROBE_FIELD_TEXT},
        {"state", PROBE_FIELD_TEXT},
        {"transaction_seconds", PROBE_FIELD_REAL},
        {"blocks", PROBE_FIELD_INT},
        {"blocks_directly", PROBE_FIELD_INT},
        {"wait_seconds", PROBE_FIELD_REAL},
        {"query", PROBE_FIELD_TEXT},
    };
    static const struct probe_column waiter_columns[] = {
        {"pid", PROBE_FIELD_INT},
        {"backend_start", PROBE_FIELD_TIME},
        {"user", PROBE_FIELD_TEXT},
        {"database", PROBE_FIELD_TEXT},
        {"application", PROBE_FIELD_TEXT},
        {"blocked_by", PROBE_FIELD_TEXT},
        {"blocks", PROBE_FIELD_INT},
        {"wait_seconds", PROBE_FIELD_REAL},
        {"lock", PROBE_FIELD_TEXT},
        {"mode", PROBE_FIELD_TEXT},
        {"relation", PROBE_FIELD_TEXT},
        {"query", PROBE_FIELD_TEXT},
    };
    const struct rows *rows = &answer->rows;
    struct evidence roots, chain;
    int64_t waiting = rows_int(rows, 0, "waiting"), blockers = rows_int(rows, 0, "roots");
    double wait = rows_real(rows, 0, "longest_seconds");
    char summary[320], root[240], hint[160];

    if (evidence_refuse_hidden(run, rows))
        return;
    if (waiting == 0)
        (void)snprintf(summary, sizeof(summary), "no session waits long for a lock");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " %s for a lock, for up to %s, behind %s",
                       waiting,
                       waiting == 1 ? "session waits" : "sessions wait",
                       age_text(wait).text,
                       blockers ? say_root(rows, 0, root, sizeof(root)) : "each other");
    probe_report(
        run,
        .summary = summary,
        .hint = waiting ? hint_of(rows, 0, hint, sizeof(hint)) : NULL,
        .fields = PROBE_FIELDS(
            probe_int("waiting", waiting),
            probe_real("wait_seconds", wait),
            probe_int("blockers", blockers),
            evidence_of_part(
                &roots, "roots", rows, "root", root_columns, COUNT(root_columns), blockers),
            evidence_of_part(
                &chain, "chain", rows, "waiter", waiter_columns, COUNT(waiter_columns), waiting)));
    probe_done(run);
}

void run_blocking(struct probe_target *self, struct probe_run *run)
{
    const struct blocking_params *params = run->memory;

    (void)self;
    wire_ask(run,
             &(const struct question){.sql = blocking_sql,
                                      .params = {params->min_wait},
                                      .param_count = 1,
                                      .then = check_blocking});
}
