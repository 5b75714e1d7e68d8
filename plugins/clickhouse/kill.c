/*
 * kill - kill_query: queries that run for too long, one step each.
 *
 * KILL QUERY only asks: a query ends when it next looks.  Whether it did is watched for a while.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "clickhouse_queries.h"
#include "common/age.h"
#include "common/bytes.h"
#include "common/sql.h"
#include "evidence.h"

enum { SENTENCE = 700, POLL_MS = 200, WATCH_MS = 8000 };

static void ask(struct probe_run *run, int64_t limit, wire_answer_fn *then)
{
    const struct kill_config *config = run->config;
    struct action_run *state = run->data;

    (void)snprintf(
        state->seconds, sizeof(state->seconds), "%.3f", (double)config->older_than / 1000);
    (void)snprintf(state->limit, sizeof(state->limit), "%" PRId64, limit);
    wire_ask(run,
             &(const struct question){
                 .sql = kill_plan_sql,
                 .params = {{"older_than", state->seconds},
                            {"except_users", state->words},
                            {"users", config->users && *config->users ? state->more : NULL},
                            {"query_id", state->name},
                            {"writes", config->writes ? "" : NULL},
                            {"limit", state->limit}},
                 .then = then});
}

/* ----------------------------------------------------------------- plan ---- */

static void say_step(const struct rows *rows, size_t row, char *out)
{
    char query[400];
    sql_normalise(query, sizeof(query), rows_said(rows, row, "query"));
    (void)snprintf(out,
                   SENTENCE,
                   "kill %.80s of %.60s, which runs for %s and uses %s: %s",
                   rows_said(rows, row, "query_id"),
                   rows_said(rows, row, "user"),
                   age_text(rows_real(rows, row, "age_seconds")).text,
                   bytes_text(rows_int(rows, row, "memory_bytes")).text,
                   query);
    (void)evidence_line(out);
}

static void on_planned(struct probe_run *run, const struct answer *answer)
{
    const struct rows *rows = &answer->rows;
    char(*whats)[SENTENCE] = calloc(rows->count + 1, sizeof(*whats));
    struct probe_step *steps = calloc(rows->count + 1, sizeof(*steps));
    int64_t total = rows_int(rows, 0, "all_queries");
    size_t count = 0;

    for (size_t row = 0; whats && steps && row < rows->count; row++) {
        const char *key = rows_said(rows, row, "query_id");
        if (!*key || strlen(key) > 200) /* nobody could name it */
            continue;
        say_step(rows, row, whats[count]);
        steps[count] = (struct probe_step){.key = key, .what = whats[count], .count = 1};
        count++;
    }
    if (!whats || !steps)
        probe_fail(run, -ENOMEM, "out of memory");
    else
        probe_planned(run,
                      .steps = steps,
                      .step_count = count,
                      .total = total > (int64_t)count ? total : (int64_t)count,
                      .note = count ? NULL : "no such query runs");
    free(whats);
    free(steps);
}

static void quote(const struct kill_config *config, struct action_run *state)
{
    state->words = template_literals(config->except_users);
    state->more = template_literals(config->users);
}

void kill_plan(struct probe_target *self, struct probe_run *run)
{
    const struct kill_config *config = run->config;
    (void)self;
    quote(config, run->data);
    ask(run, config->max, on_planned);
}

/* ---------------------------------------------------------------- apply ---- */

static void watch_it(struct probe_run *run);

static void on_watched(struct probe_run *run, const struct answer *answer)
{
    const struct action_run *state = run->data;
    if (answer->rows.count == 0)
        probe_applied(run, .outcome = PROBE_APPLIED);
    else if (probe_now(&run->life) >= state->polled_until_ms)
        probe_applied(
            run, .outcome = PROBE_SURVIVED, .summary = "it was told to end, and still runs");
    else
        watch_it(run);
}

static void on_pause(int status, void *data)
{
    if (status == 0)
        ask(data, 1, on_watched);
}

static void watch_it(struct probe_run *run)
{
    (void)probe_timer(&run->life, POLL_MS, on_pause, run);
}

static void on_killed(struct probe_run *run, const struct answer *answer)
{
    struct action_run *state = run->data;
    (void)answer;
    state->polled_until_ms = probe_now(&run->life) + WATCH_MS;
    ask(run, 1, on_watched);
}

static void on_checked(struct probe_run *run, const struct answer *answer)
{
    const struct action_run *state = run->data;
    char *sql = NULL, *user = template_literal(rows_said(&answer->rows, 0, "user"));

    if (answer->rows.count == 0) {
        probe_applied(run, .outcome = PROBE_SKIPPED, .summary = "it has ended by itself");
    } else {
        /* By its user as well: who reuses an id is somebody else. */
        if (!user ||
            asprintf(
                &sql, "KILL QUERY WHERE query_id = %s AND user = %s ASYNC", state->name, user) < 0)
            sql = NULL;
        action_change(run, sql, on_killed);
    }
    free(user);
}

void kill_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    struct action_run *state = run->data;
    (void)self;
    action_keep_step(state, step);
    quote(run->config, state);
    state->name = template_literal(step->key);
    if (state->name)
        ask(run, 1, on_checked);
    else
        probe_fail(run, -ENOMEM, "out of memory");
}
