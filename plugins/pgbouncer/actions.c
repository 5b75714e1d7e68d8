/*
 * actions - reconnect, pause, resume: what a restart of PgBouncer is for, without one, and without a
 * client that loses its connection.
 *
 * PAUSE waits for transactions to end, and answers when they have.  Where they take longer than
 * `grace`, it is taken back: a pause that hangs stops every application of that database.
 */
#include <inttypes.h>
#include <string.h>

#include "pgbouncer.h"

static const char back[] = "{\"resume\":true}";

static const char *shown(const char *database)
{
    return *database ? database : "all databases";
}

/* ---------------------------------------------------------------- plans ---- */

static void plan_step(struct probe_run *run, const char *verb, const char *then, int64_t count)
{
    const struct action_config *config = run->config;
    char what[300];

    (void)snprintf(what, sizeof(what), "%s %.64s: %s", verb, shown(config->database), then);
    const struct probe_step step = {
        .key = *config->database ? config->database : "*", .what = what, .count = count};
    probe_planned(run, .steps = &step, .step_count = 1, .total = count);
}

/* Its row in SHOW DATABASES; rows->count, and the run has ended: there is none. */
static size_t find_database(struct probe_run *run, const struct rows *rows)
{
    const struct action_config *config = run->config;
    size_t row = console_find(rows, "name", config->database);

    if (row == rows->count)
        probe_fail(run, -ENOENT, "PgBouncer has no database %.64s", config->database);
    return row;
}

static int64_t connections_of(const struct rows *rows, const char *database)
{
    int64_t count = 0;

    for (size_t row = 0; row < rows->count; row++) {
        const char *name = rows_text(rows, row, "name");
        if (!*database || (name && strcmp(name, database) == 0))
            count += rows_int(rows, row, "current_connections");
    }
    return count;
}

static void on_reconnect_planned(struct probe_run *run, const struct answer *answer)
{
    const struct action_config *config = run->config;
    const struct rows *rows = &answer->rows;
    char then[160];
    int64_t count = connections_of(rows, config->database);

    if (*config->database && find_database(run, rows) == rows->count)
        return;
    (void)snprintf(then,
                   sizeof(then),
                   "each of %" PRId64 " server connections is closed when its client gives it back",
                   count);
    plan_step(run, "reconnect", then, count);
}

void reconnect_plan(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    console_ask(run, "SHOW DATABASES", on_reconnect_planned);
}

static void on_pause_planned(struct probe_run *run, const struct answer *answer)
{
    const struct rows *rows = &answer->rows;
    size_t row = find_database(run, rows);

    if (row == rows->count)
        return;
    if (rows_int(rows, row, "paused"))
        probe_planned(run, .note = "it is paused already");
    else
        plan_step(run,
                  "pause",
                  "its clients wait until it is resumed; none loses its connection",
                  rows_int(rows, row, "current_connections"));
}

void pause_plan(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    console_ask(run, "SHOW DATABASES", on_pause_planned);
}

/* A pause of everything shows nowhere, so that what ends it is always planned. */
static void on_resume_planned(struct probe_run *run, const struct answer *answer)
{
    const struct action_config *config = run->config;
    const struct rows *rows = &answer->rows;
    size_t row = *config->database ? find_database(run, rows) : 0;

    if (*config->database && row == rows->count)
        return;
    if (*config->database && !rows_int(rows, row, "paused"))
        probe_planned(run, .note = "it is not paused");
    else
        plan_step(run, "resume", "its clients go on", connections_of(rows, config->database));
}

void resume_plan(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    console_ask(run, "SHOW DATABASES", on_resume_planned);
}

/* --------------------------------------------------------------- apply ---- */

static void command(struct probe_run *run, const char *verb, const char *key, wire_answer_fn *then,
                    wire_trouble_fn *otherwise)
{
    struct action_run *action = run->data;

    console_compose(
        action->command, sizeof(action->command), verb, strcmp(key, "*") == 0 ? "" : key);
    console_command(run, action->command, then, otherwise);
}

static void say_applied(struct probe_run *run, const struct answer *answer)
{
    (void)answer;
    probe_applied(run, .outcome = PROBE_APPLIED);
}

/* What the console refuses because there is nothing to do; it has no code for that, only words. */
static bool is_idle(const struct trouble *trouble)
{
    return strstr(trouble->text, "is not paused") || strstr(trouble->text, "already ");
}

static void skip_idle(struct probe_run *run, const struct trouble *trouble)
{
    if (is_idle(trouble))
        probe_applied(run, .outcome = PROBE_SKIPPED, .summary = trouble->text);
    else
        console_end(run, trouble);
}

void reconnect_apply(struct probe_target *self, struct probe_run *run,
                     const struct probe_step *step)
{
    (void)self;
    command(run, "RECONNECT", step->key, say_applied, NULL);
}

void resume_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    (void)self;
    command(run, "RESUME", step->key, say_applied, skip_idle);
}

/* -------------------------------------------------------- apply: pause ---- */

static void say_paused(struct probe_run *run, const struct answer *answer)
{
    struct action_run *action = run->data;
    char what[120];

    (void)answer;
    probe_cancel(&run->life, action->grace);
    (void)snprintf(what, sizeof(what), "resume %.64s", action->key);
    const struct probe_step undo = {.key = action->key, .what = what, .json = back};
    probe_applied(run, .outcome = PROBE_APPLIED, .undo = &undo);
}

static void say_in_vain(struct probe_run *run, const struct answer *answer)
{
    const struct action_config *config = run->config;

    (void)answer;
    probe_fail(run,
               -ETIMEDOUT,
               "transactions of %.64s did not end within %.1f s; it was resumed",
               config->database,
               (double)config->grace_ms / 1e3);
}

static void say_stuck(struct probe_run *run, const struct trouble *trouble)
{
    if (is_idle(trouble))
        say_in_vain(run, NULL);
    else
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -ETIMEDOUT,
                  .reason = "paused",
                  .summary = "the pause waits for transactions, and could not be taken back",
                  .hint = "RESUME the database on PgBouncer's console");
}

static void on_grace(int status, void *data)
{
    struct probe_run *run = data;
    struct action_run *action = run->data;

    action->grace = NULL;
    if (status == 0)
        command(run, "RESUME", action->key, say_in_vain, say_stuck);
}

static void end_pause(struct probe_run *run, const struct trouble *trouble)
{
    struct action_run *action = run->data;

    probe_cancel(&run->life, action->grace);
    action->grace = NULL;
    skip_idle(run, trouble);
}

static void on_still_running(struct probe_run *run, const struct answer *answer)
{
    const struct action_config *config = run->config;
    struct action_run *action = run->data;
    const struct rows *rows = &answer->rows;
    size_t row = console_find(rows, "name", action->key);
    int64_t most_ms = dial_left_ms(run) * 3 / 4; /* the rest is for taking it back */
    int64_t grace_ms = config->grace_ms < most_ms ? config->grace_ms : most_ms;

    if (row == rows->count || rows_int(rows, row, "paused")) {
        probe_applied(run,
                      .outcome = PROBE_SKIPPED,
                      .summary = row == rows->count ? "there is no such database any more"
                                                    : "it is paused already");
        return;
    }
    action->grace = probe_timer(&run->life, grace_ms > 0 ? (uint64_t)grace_ms : 0, on_grace, run);
    command(run, "PAUSE", action->key, say_paused, end_pause);
}

void pause_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    struct action_run *action = run->data;

    (void)snprintf(action->key, sizeof(action->key), "%s", step->key);
    if (step->json && strcmp(step->json, back) == 0)
        resume_apply(self, run, step);
    else
        console_ask(run, "SHOW DATABASES", on_still_running);
}
