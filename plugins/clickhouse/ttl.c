/*
 * ttl - set_ttl: a table drops its old parts by itself.
 *
 * With ttl_only_drop_parts only whole parts go, which costs nothing; and what is there already is not
 * rewritten for it (materialize_ttl_after_modify = 0).  The step says what the table's TTL is now, so
 * that a table that somebody changed since is skipped, and so that it can be put back.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "actions.h"
#include "clickhouse_queries.h"

enum { SENTENCE = 900 };

/* What a step sets, and what it takes for granted; "" is none.  Points into the JSON. */
struct change {
    const char *ttl, *was, *only, *only_was;
};

/* To be freed; NULL: it is no text that JSON could hold. */
static char *write_change(const struct change *change)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:s}",
                             "ttl",
                             change->ttl,
                             "was",
                             change->was,
                             "only",
                             change->only,
                             "only_was",
                             change->only_was);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(json);
    return text;
}

static void look(struct probe_run *run, wire_answer_fn *then)
{
    const struct action_run *state = run->data;
    wire_ask(run,
             &(const struct question){.sql = ttl_plan_sql,
                                      .params = {{"database", state->database},
                                                 {"name", state->name},
                                                 {"column", state->more},
                                                 {"seconds", state->seconds}},
                                      .sight = SIGHT_TABLES,
                                      .then = then});
}

static void ask(struct probe_run *run, wire_answer_fn *then)
{
    const struct ttl_config *config = run->config;
    struct action_run *state = run->data;

    if (action_name_table(run, config->table) < 0)
        return;
    state->more = template_literal(config->column);
    (void)snprintf(state->seconds, sizeof(state->seconds), "%" PRId64, config->keep / 1000);
    look(run, then);
}

/* ----------------------------------------------------------------- plan ---- */

/* Why there can be no such TTL, or NULL. */
static const char *unfit(const struct rows *rows)
{
    const char *type = rows_said(rows, 0, "type");
    if (rows->count == 0)
        return "there is no such table, or it may not be seen";
    if (!strstr(rows_said(rows, 0, "engine"), "MergeTree"))
        return "only tables of the MergeTree family have a TTL";
    if (strncmp(type, "Date", 4) != 0)
        return "`column` is no Date or DateTime of it";
    return NULL;
}

/* As the server writes it, so that both can be compared.  To be freed. */
static char *wanted_ttl(const struct ttl_config *config)
{
    char *ttl = NULL, *column = template_name(config->column);
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    bool plain = !config->column[strspn(config->column, letters)];

    if (column && asprintf(&ttl,
                           "%s + toIntervalDay(%" PRId64 ")",
                           plain ? config->column : column,
                           config->keep / 86400000) < 0)
        ttl = NULL;
    free(column);
    return ttl;
}

static void plan_step(struct probe_run *run, const struct rows *rows, const char *ttl)
{
    const struct ttl_config *config = run->config;
    const char *was = rows_said(rows, 0, "ttl");
    char what[SENTENCE];
    char *json =
        write_change(&(struct change){ttl, was, "1", rows_said(rows, 0, "only_drop_parts")});

    (void)snprintf(
        what,
        sizeof(what),
        "set the TTL of %.150s to %.200s, with ttl_only_drop_parts; now it is %.200s; %s "
        "rows are in parts that are as old, and go with coming merges",
        config->table,
        ttl,
        *was ? was : "none",
        rows_said(rows, 0, "old_rows"));
    const struct probe_step step = {.key = config->table, .what = what, .json = json, .count = 1};
    if (json)
        probe_planned(run,
                      .steps = &step,
                      .step_count = 1,
                      .total = 1,
                      .note = "what has gone by then does not come back when this is undone");
    else
        probe_fail(run, -EINVAL, "the table's TTL is no text that could be planned with");
    free(json);
}

static void on_planned(struct probe_run *run, const struct answer *answer)
{
    const struct rows *rows = &answer->rows;
    const char *wrong = unfit(rows);
    char *ttl = wanted_ttl(run->config);

    if (wrong)
        probe_fail(run, -EINVAL, "%s", wrong);
    else if (!ttl)
        probe_fail(run, -ENOMEM, "out of memory");
    else if (strcmp(rows_said(rows, 0, "ttl"), ttl) == 0 &&
             strcmp(rows_said(rows, 0, "only_drop_parts"), "1") == 0)
        probe_planned(run, .total = 1, .note = "that is its TTL already");
    else
        plan_step(run, rows, ttl);
    free(ttl);
}

void ttl_plan(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    ask(run, on_planned);
}

/* ---------------------------------------------------------------- apply ---- */

static const char *member(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "";
}

/* To be freed; `change` points into it. */
static json_t *read_change(const struct action_run *state, struct change *change)
{
    json_t *json = state->json ? json_loads(state->json, 0, NULL) : NULL;
    *change = (struct change){
        member(json, "ttl"), member(json, "was"), member(json, "only"), member(json, "only_was")};
    return json;
}

static void report_applied(struct probe_run *run, const struct action_run *state,
                           const struct change *change)
{
    const struct ttl_config *config = run->config;
    char what[SENTENCE];
    char *json =
        write_change(&(struct change){change->was, change->ttl, change->only_was, change->only});

    (void)snprintf(what,
                   sizeof(what),
                   "set the TTL of %.150s back to %.200s",
                   config->table,
                   *change->was ? change->was : "none");
    const struct probe_step undo = {.key = state->key, .what = what, .json = json, .count = 1};
    probe_applied(run, .outcome = PROBE_APPLIED, .undo = json ? &undo : NULL);
    free(json);
}

static void on_looked_again(struct probe_run *run, const struct answer *answer)
{
    const struct action_run *state = run->data;
    struct change change;
    json_t *json = read_change(state, &change);

    if (strcmp(rows_said(&answer->rows, 0, "ttl"), change.ttl) != 0)
        probe_applied(run,
                      .outcome = PROBE_SURVIVED,
                      .summary = "the server took it, and the table's TTL is another");
    else
        report_applied(run, state, &change);
    json_decref(json);
}

static void on_set(struct probe_run *run, const struct answer *answer)
{
    (void)answer;
    look(run, on_looked_again);
}

/* The second statement: the TTL itself, once nothing but whole parts can go. */
static void on_guarded(struct probe_run *run, const struct answer *answer)
{
    const struct server *server = run->target->data;
    const struct action_run *state = run->data;
    static const char later[] = "setting.materialize_ttl_after_modify";
    bool knows = template_has(server->survey.features, later, sizeof(later) - 1);
    struct change change;
    json_t *json = read_change(state, &change);
    char *sql = NULL;
    int done = *change.ttl ? asprintf(&sql,
                                      "ALTER TABLE %s MODIFY TTL %s%s",
                                      state->table,
                                      change.ttl,
                                      knows ? " SETTINGS materialize_ttl_after_modify = 0" : "")
                           : asprintf(&sql, "ALTER TABLE %s REMOVE TTL", state->table);

    (void)answer;
    action_change(run, done < 0 ? NULL : sql, on_set);
    json_decref(json);
}

static void on_checked(struct probe_run *run, const struct answer *answer)
{
    const struct rows *rows = &answer->rows;
    const struct action_run *state = run->data;
    struct change change;
    json_t *json = read_change(state, &change);
    char *sql = NULL;

    if (!json) {
        probe_fail(run, -EINVAL, "the step does not say what to set");
    } else if (rows->count == 0) {
        probe_applied(run, .outcome = PROBE_SKIPPED, .summary = "the table is gone");
    } else if (strcmp(rows_said(rows, 0, "ttl"), change.was) != 0) {
        probe_applied(
            run, .outcome = PROBE_SKIPPED, .summary = "its TTL has been changed since the plan");
    } else {
        int done =
            *change.only
                ? asprintf(&sql,
                           "ALTER TABLE %s MODIFY SETTING ttl_only_drop_parts = %s",
                           state->table,
                           change.only)
                : asprintf(&sql, "ALTER TABLE %s RESET SETTING ttl_only_drop_parts", state->table);
        action_change(run, done < 0 ? NULL : sql, on_guarded);
    }
    json_decref(json);
}

void ttl_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    (void)self;
    action_keep_step(run->data, step);
    ask(run, on_checked);
}
