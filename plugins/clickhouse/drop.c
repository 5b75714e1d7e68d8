/*
 * drop - drop_partition: old partitions, one step each.
 *
 * A step's key is the partition and its highest block number: rows that come into it later raise that,
 * while merges leave it alone, so that a partition that somebody wrote to since the plan is skipped.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "clickhouse_queries.h"
#include "common/bytes.h"
#include "evidence.h"

enum { SENTENCE = 300, KEY = 256 };

/* The question of the plan, and again of one step: then of its partition alone. */
static void ask(struct probe_run *run, int64_t limit, wire_answer_fn *then)
{
    const struct drop_config *config = run->config;
    struct action_run *state = run->data;

    (void)snprintf(state->seconds, sizeof(state->seconds), "%" PRId64, config->older_than / 1000);
    (void)snprintf(state->limit, sizeof(state->limit), "%" PRId64, limit);
    wire_ask(run,
             &(const struct question){
                 .sql = drop_plan_sql,
                 .params = {{"database", state->database},
                            {"name", state->name},
                            {"partitions", state->words},
                            {"older_than", config->older_than > 0 ? state->seconds : NULL},
                            {"limit", state->limit}},
                 .sight = SIGHT_TABLES,
                 .then = then});
}

/* ----------------------------------------------------------------- plan ---- */

static void say_step(const struct drop_config *config, const struct rows *rows, size_t row,
                     char *out)
{
    (void)snprintf(out,
                   SENTENCE,
                   "drop partition %.60s of %.100s: %s rows from %s to %s, %s",
                   rows_said(rows, row, "partition_id"),
                   config->table,
                   rows_said(rows, row, "rows"),
                   rows_said(rows, row, "from_date"),
                   rows_said(rows, row, "to_date"),
                   bytes_text(rows_int(rows, row, "bytes_on_disk")).text);
    (void)evidence_line(out);
}

static void say_note(const struct rows *rows, size_t more, char *out)
{
    int64_t limit = rows_int(rows, 0, "drop_limit_bytes"), largest = 0;
    for (size_t row = 0; row < rows->count; row++)
        if (rows_int(rows, row, "bytes_on_disk") > largest)
            largest = rows_int(rows, row, "bytes_on_disk");
    (void)snprintf(out,
                   SENTENCE,
                   "files are freed about 8 min later; a detached or dropped partition cannot be "
                   "read any more%s%s",
                   more ? "; there are more that are as old" : "",
                   limit > 0 && largest > limit
                       ? "; one is larger than max_partition_size_to_drop, and will be refused"
                       : "");
}

static void on_planned(struct probe_run *run, const struct answer *answer)
{
    const struct drop_config *config = run->config;
    const struct rows *rows = &answer->rows;
    size_t count = rows->count < (size_t)config->max ? rows->count : (size_t)config->max;
    char(*whats)[SENTENCE] = calloc(count + 1, sizeof(*whats)), note[SENTENCE];
    char(*keys)[KEY] = calloc(count + 1, sizeof(*keys));
    struct probe_step *steps = calloc(count + 1, sizeof(*steps));

    for (size_t row = 0; whats && keys && steps && row < count; row++) {
        (void)snprintf(keys[row],
                       KEY,
                       "%s@%s",
                       rows_said(rows, row, "partition_id"),
                       rows_said(rows, row, "block"));
        say_step(config, rows, row, whats[row]);
        steps[row] = (struct probe_step){.key = keys[row], .what = whats[row], .count = 1};
    }
    say_note(rows, rows->count - count, note);
    if (!whats || !keys || !steps)
        probe_fail(run, -ENOMEM, "out of memory");
    else
        probe_planned(run,
                      .steps = steps,
                      .step_count = count,
                      .total = rows_int(rows, 0, "all_partitions"),
                      .note = count ? note : "no partition is as old as that");
    free(whats);
    free(keys);
    free(steps);
}

void drop_plan(struct probe_target *self, struct probe_run *run)
{
    const struct drop_config *config = run->config;
    struct action_run *state = run->data;
    bool named = config->partitions && *config->partitions;

    (void)self;
    if (!named && config->older_than == 0) {
        probe_fail(run, -EINVAL, "neither `older_than` nor `partitions` says which ones");
        return;
    }
    if (action_name_table(run, config->table) < 0)
        return;
    state->words = named ? template_literals(config->partitions) : NULL;
    ask(run, config->max + 1, on_planned);
}

/* ---------------------------------------------------------------- apply ---- */

/* Where the block number begins in "202401@17"; NULL: it is no key of ours. */
static const char *block_of(const char *key)
{
    const char *at = strrchr(key, '@');
    return at && at[1] && !at[1 + strspn(at + 1, "0123456789")] ? at + 1 : NULL;
}

static void on_looked_again(struct probe_run *run, const struct answer *answer)
{
    const struct action_run *state = run->data;
    int64_t block = strtoll(block_of(state->key), NULL, 10);
    bool there = answer->rows.count > 0 && rows_int(&answer->rows, 0, "block") <= block;

    if (there)
        probe_applied(
            run, .outcome = PROBE_SURVIVED, .summary = "the server took it, and it is still there");
    else
        probe_applied(run, .outcome = PROBE_APPLIED);
}

static void on_dropped(struct probe_run *run, const struct answer *answer)
{
    (void)answer;
    ask(run, 1, on_looked_again);
}

static void on_checked(struct probe_run *run, const struct answer *answer)
{
    const struct action_run *state = run->data;
    const struct rows *rows = &answer->rows;
    char *sql = NULL;

    if (rows->count == 0) {
        probe_applied(run,
                      .outcome = PROBE_SKIPPED,
                      .summary = "it is gone, or younger rows came into it since the plan");
    } else if (strcmp(rows_said(rows, 0, "block"), block_of(state->key)) != 0) {
        probe_applied(run, .outcome = PROBE_SKIPPED, .summary = "rows came into it since the plan");
    } else {
        if (asprintf(&sql, "ALTER TABLE %s DROP PARTITION ID %s", state->table, state->words) < 0)
            sql = NULL;
        action_change(run, sql, on_dropped);
    }
}

void drop_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    const struct drop_config *config = run->config;
    struct action_run *state = run->data;
    const char *block = block_of(step->key);

    (void)self;
    if (!block) {
        probe_fail(run, -EINVAL, "%.100s is no partition's key", step->key);
        return;
    }
    action_keep_step(state, step);
    char *id = strndup(step->key, (size_t)(block - 1 - step->key));
    state->words = id ? template_literal(id) : NULL;
    free(id);
    if (action_name_table(run, config->table) == 0)
        ask(run, 1, on_checked);
}
