/*
 * actions_sessions - terminate_sessions and cancel_queries.
 *
 * A plan chooses the sessions that fit the options, those first that have been so for longest.  A
 * step names one by pid and start, and the query that runs by its start, so that a pid that is used
 * again, or another query, is left alone; whether it still fits is asked in the statement that
 * tells it.  A query is cancelled first; only one that goes on for `grace` costs its session.
 */
#include <inttypes.h>
#include <string.h>

#include "actions.h"
#include "common/age.h"
#include "common/pq/wire.h"
#include "common/sql.h"
#include "evidence.h"
#include "postgres_queries.h"

/* How long between two looks, and how long at the end to say what came of it. */
enum { POLL_MS = 100, SPARE_MS = 1000 };

/* ------------------------------------------------------------- options ---- */

#define FILTERS                                                                                    \
    {"older_than",                                                                                 \
     PROBE_DURATION_AT(struct sessions_config, older_than_ms),                                     \
     .fallback = "10m",                                                                            \
     .help = "for how long they do so, at least"},                                                 \
        {"pid",                                                                                    \
         PROBE_INT_AT(struct sessions_config, pid),                                                \
         .fallback = "0",                                                                          \
         .max = INT32_MAX,                                                                         \
         .help = "this one only, if it fits, also where it builds an index; 0: any"},              \
        {"databases",                                                                              \
         PROBE_LIST_AT(struct sessions_config, databases),                                         \
         .fallback = "",                                                                           \
         .help = "of these databases; none: of the one that the target is logged in to"},          \
        {"users",                                                                                  \
         PROBE_LIST_AT(struct sessions_config, users),                                             \
         .fallback = "",                                                                           \
         .help = "of these roles; none: of all but superusers and those that replicate"},          \
        {"except_users",                                                                           \
         PROBE_LIST_AT(struct sessions_config, except_users),                                      \
         .fallback = "",                                                                           \
         .help = "roles that are spared"},                                                         \
        {"except_applications",                                                                    \
         PROBE_LIST_AT(struct sessions_config, except_applications),                               \
         .fallback = "[pg_dump, pg_dumpall, pg_restore, pg_basebackup, runbookd]",                 \
         .help = "application_name of sessions that are spared"},                                  \
        {"most",                                                                                   \
         PROBE_INT_AT(struct sessions_config, most),                                               \
         .fallback = "20",                                                                         \
         .min = 1,                                                                                 \
         .max = ACTIONS_SESSIONS,                                                                  \
         .help = "how many at most, those first that have been so for longest"},                   \
    {                                                                                              \
        "grace", PROBE_DURATION_AT(struct sessions_config, grace_ms),                              \
            .fallback = "10s", .max = 60 * 1000,                                                   \
            .help = "how long a query that was cancelled may take to end"                          \
    }

static const char *const whiches[] = {"idle", "idle_in_transaction", "active", "any", NULL};

const struct probe_option terminate_options[] = {
    {"which",
     PROBE_STRING_AT(struct sessions_config, which),
     .fallback = "idle",
     .choices = whiches,
     .help = "sessions that do what; active: that run a query, which is cancelled first"},
    FILTERS,
    {0},
};

const struct probe_option cancel_options[] = {
    FILTERS,
    {0},
};

/* -------------------------------------------------------------- asking ---- */

static const char *which_of(const struct probe_run *run)
{
    const struct sessions_config *config = run->config;
    return config->which ? config->which : "active";
}

/* The options as the server reads them; false, and the run has ended: they are too long. */
static bool prepare(struct probe_run *run)
{
    const struct sessions_config *config = run->config;
    struct sessions_run *sessions = run->data;

    (void)snprintf(
        sessions->older_than, sizeof(sessions->older_than), "%" PRId64, config->older_than_ms);
    (void)snprintf(sessions->pid, sizeof(sessions->pid), "%" PRId64, config->pid);
    (void)snprintf(sessions->most, sizeof(sessions->most), "%" PRId64, config->most);
    if (sql_array(sessions->databases, ACTIONS_LIST_ROOM, config->databases) &&
        sql_array(sessions->users, ACTIONS_LIST_ROOM, config->users) &&
        sql_array(sessions->except_users, ACTIONS_LIST_ROOM, config->except_users) &&
        sql_array(sessions->except_applications, ACTIONS_LIST_ROOM, config->except_applications))
        return true;
    probe_fail(run, -EINVAL, "a list of names is too long: at most about 1,000 characters");
    return false;
}

/* ---------------------------------------------------------------- plan ---- */

/* Who sees less than all, or may not tell them anything, has no plan. */
static bool refuse(struct probe_run *run, const struct rows *rows)
{
    bool hidden = rows_int(rows, 0, "hidden") > 0, mute = false;

    for (size_t row = 0; row < rows->count; row++)
        mute = mute || (rows_text(rows, row, "pid") && !rows_flag(rows, row, "may"));
    if (!hidden && !mute)
        return false;
    probe_end(run,
              .how = PROBE_DENIED,
              .status = -EACCES,
              .reason = "denied",
              .summary = hidden ? "what sessions of other users do is hidden from this one"
                                : "sessions of other users may not be told anything by this one",
              .hint = run->action->needs);
    return true;
}

static void say_what(const struct probe_run *run, const struct rows *rows, size_t row, char *out,
                     size_t room)
{
    const struct sessions_config *config = run->config;
    const char *application = rows_text(rows, row, "application");
    const char *doing = rows_text(rows, row, "doing");
    bool active = strcmp(doing, "active") == 0;
    char who[256];

    (void)snprintf(who,
                   sizeof(who),
                   "%s of %.40s in %.40s (%.40s, %.30s)",
                   rows_text(rows, row, "pid"),
                   rows_text(rows, row, "user"),
                   rows_text(rows, row, "database"),
                   application && *application ? application : "no name",
                   rows_text(rows, row, "client"));
    const struct age_text age = age_text(rows_real(rows, row, "age_seconds"));
    if (active && config->which)
        (void)snprintf(out,
                       room,
                       "cancel the query of %s, which runs for %s; if it goes on, terminate it",
                       who,
                       age.text);
    else if (active)
        (void)snprintf(out, room, "cancel the query of %s, which runs for %s", who, age.text);
    else
        (void)snprintf(out,
                       room,
                       "terminate %s, %s for %s",
                       who,
                       strcmp(doing, "idle") == 0 ? "idle" : "idle in a transaction",
                       age.text);
}

static void on_chosen(struct probe_run *run, const struct answer *answer)
{
    const struct rows *rows = &answer->rows;
    struct sessions_run *sessions = run->data;
    struct probe_step steps[ACTIONS_SESSIONS];
    size_t count = 0;
    int64_t found = rows_int(rows, 0, "found");
    char note[120];

    if (refuse(run, rows))
        return;
    for (size_t row = 0; row < rows->count && count < ACTIONS_SESSIONS; row++) {
        const char *pid = rows_text(rows, row, "pid");
        if (!pid)
            continue;
        (void)snprintf(sessions->keys[count],
                       sizeof(*sessions->keys),
                       "%s@%s",
                       pid,
                       rows_text(rows, row, "begun"));
        say_what(run, rows, row, sessions->whats[count], sizeof(*sessions->whats));
        steps[count] = (struct probe_step){.key = sessions->keys[count],
                                           .what = sessions->whats[count],
                                           .json = rows_text(rows, row, "step")};
        count++;
    }
    (void)snprintf(note,
                   sizeof(note),
                   "%" PRId64 " sessions fit; those that have been so for longest are chosen",
                   found);
    probe_planned(run,
                  .steps = steps,
                  .step_count = count,
                  .total = rows_int(rows, 0, "sessions"),
                  .note = count == 0               ? "no session fits"
                          : found > (int64_t)count ? note
                                                   : NULL);
}

void sessions_plan(struct probe_target *self, struct probe_run *run)
{
    const struct sessions_run *sessions = run->data;

    (void)self;
    if (prepare(run))
        wire_ask(run,
                 &(const struct question){.sql = choose_sessions_sql,
                                          .params = {which_of(run),
                                                     sessions->older_than,
                                                     sessions->pid,
                                                     sessions->databases,
                                                     sessions->users,
                                                     sessions->except_users,
                                                     sessions->except_applications,
                                                     sessions->most},
                                          .param_count = 8,
                                          .then = on_chosen});
}

/* --------------------------------------------------------------- apply ---- */

static void tell(struct probe_run *run, const char *what, wire_answer_fn *then)
{
    const struct sessions_run *sessions = run->data;

    wire_ask(run,
             &(const struct question){.sql = end_session_sql,
                                      .params = {sessions->step,
                                                 what,
                                                 sessions->older_than,
                                                 sessions->pid,
                                                 sessions->databases,
                                                 sessions->users,
                                                 sessions->except_users,
                                                 sessions->except_applications},
                                      .param_count = 8,
                                      .then = then});
}

/* How long there is to wait for what was told, with some time left to say what came of it. */
static void wait_for(struct probe_run *run)
{
    const struct sessions_config *config = run->config;
    struct sessions_run *sessions = run->data;
    int64_t left_ms = dial_left_ms(run) - SPARE_MS;
    int64_t share_ms = sessions->terminated || sessions->query_only ? left_ms : left_ms / 2;
    int64_t ms = config->grace_ms < share_ms ? config->grace_ms : share_ms;

    sessions->until_ms = probe_now(&run->life) + (uint64_t)(ms > 0 ? ms : 0);
}

static void on_seen(struct probe_run *run, const struct answer *answer);

static void on_pause(int status, void *data)
{
    if (status == 0)
        tell(data, "look", on_seen);
    else
        probe_fail(data, status, "ended before the session did");
}

static void skip(struct probe_run *run, const struct rows *rows)
{
    const char *doing = rows_text(rows, 0, "doing");
    char summary[120] = "the session is gone";

    if (rows->count > 0)
        (void)snprintf(summary,
                       sizeof(summary),
                       "it does not fit any more: it is %.20s",
                       doing ? doing : "hidden");
    probe_applied(run, .outcome = PROBE_SKIPPED, .summary = summary);
}

static void on_told(struct probe_run *run, const struct answer *answer)
{
    struct sessions_run *sessions = run->data;
    const struct rows *rows = &answer->rows;

    if (!rows_flag(rows, 0, "fits")) {
        skip(run, rows);
        return;
    }
    sessions->terminated = rows_flag(rows, 0, "terminated");
    wait_for(run);
    probe_timer(&run->life, POLL_MS / 5, on_pause, run);
}

/* The query outlived its cancellation, and may have ended just now. */
static void on_told_again(struct probe_run *run, const struct answer *answer)
{
    if (rows_flag(&answer->rows, 0, "fits"))
        on_told(run, answer);
    else
        probe_applied(run, .outcome = PROBE_APPLIED, .summary = "its query ended");
}

static void survive(struct probe_run *run)
{
    const struct sessions_run *sessions = run->data;

    probe_applied(run,
                  .outcome = PROBE_SURVIVED,
                  .summary = sessions->terminated ? "it was told to end, and is still there"
                                                  : "its query was cancelled, and still runs");
}

static void on_seen(struct probe_run *run, const struct answer *answer)
{
    struct sessions_run *sessions = run->data;
    const struct rows *rows = &answer->rows;
    bool late = probe_now(&run->life) >= sessions->until_ms;

    if (rows->count == 0) {
        probe_applied(run, .outcome = PROBE_APPLIED);
    } else if (!sessions->terminated && !rows_flag(rows, 0, "fits")) {
        probe_applied(
            run, .outcome = PROBE_APPLIED, .summary = "its query ended; the session lives");
    } else if (!late) {
        probe_timer(&run->life, POLL_MS, on_pause, run);
    } else if (sessions->terminated || sessions->query_only) {
        survive(run);
    } else {
        tell(run, "terminate", on_told_again);
    }
}

static void apply(struct probe_run *run, const struct probe_step *step, const char *what)
{
    struct sessions_run *sessions = run->data;

    if (!step->json || strlen(step->json) >= sizeof(sessions->step)) {
        probe_fail(run, -EINVAL, "the step does not say which session it means");
        return;
    }
    (void)snprintf(sessions->step, sizeof(sessions->step), "%s", step->json);
    if (prepare(run))
        tell(run, what, on_told);
}

void terminate_apply(struct probe_target *self, struct probe_run *run,
                     const struct probe_step *step)
{
    (void)self;
    apply(run, step, "begin");
}

void cancel_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    struct sessions_run *sessions = run->data;

    (void)self;
    sessions->query_only = true;
    apply(run, step, "cancel");
}
