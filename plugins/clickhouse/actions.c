/*
 * actions - what may be changed, as tables; and what all of it shares.  How each one plans and
 * applies is in drop.c, ttl.c and kill.c.
 */
#include "actions.h"

#include <stdlib.h>
#include <string.h>

#include "clickhouse_queries.h"

const char *const actions_templates[] = {drop_plan_sql, ttl_plan_sql, kill_plan_sql, NULL};

/* --------------------------------------------------------------- tables ---- */

#define DAYS(count) (INT64_C(86400000) * (count))

static const struct probe_option drop_options[] = {
    {"table", PROBE_STRING_AT(struct drop_config, table), .help = "DATABASE.TABLE"},
    {"older_than",
     PROBE_DURATION_AT(struct drop_config, older_than),
     .fallback = "30d",
     .max = DAYS(36600),
     .help = "only partitions whose newest row is older; 0s: whatever `partitions` names"},
    {"partitions",
     PROBE_LIST_AT(struct drop_config, partitions),
     .fallback = "",
     .help = "only these, by partition_id"},
    {"max",
     PROBE_INT_AT(struct drop_config, max),
     .fallback = "10",
     .min = 1,
     .max = 1000,
     .help = "how many at most, the oldest first"},
    {0},
};

static const struct probe_option ttl_options[] = {
    {"table", PROBE_STRING_AT(struct ttl_config, table), .help = "DATABASE.TABLE"},
    {"column",
     PROBE_STRING_AT(struct ttl_config, column),
     .help = "when a row came: a Date or DateTime"},
    {"keep",
     PROBE_DURATION_AT(struct ttl_config, keep),
     .fallback = "30d",
     .min = DAYS(1),
     .max = DAYS(36600),
     .help = "how long rows are kept, in whole days"},
    {0},
};

static const struct probe_option kill_options[] = {
    {"older_than",
     PROBE_DURATION_AT(struct kill_config, older_than),
     .fallback = "5m",
     .min = 1000,
     .max = DAYS(366),
     .help = "how long a query has run at least"},
    {"users",
     PROBE_LIST_AT(struct kill_config, users),
     .fallback = "",
     .help = "only theirs; default: anybody's"},
    {"except_users",
     PROBE_LIST_AT(struct kill_config, except_users),
     .fallback = "",
     .help = "never theirs"},
    {"writes",
     PROBE_BOOL_AT(struct kill_config, writes),
     .fallback = "false",
     .help = "also INSERT, ALTER and others that are no SELECT"},
    {"max",
     PROBE_INT_AT(struct kill_config, max),
     .fallback = "20",
     .min = 1,
     .max = 1000,
     .help = "how many at most, the oldest first"},
    {0},
};

#define LOOKS                                                                                      \
    "GRANT SHOW TABLES ON *.* TO runbookd_ops; GRANT SELECT ON system.parts TO runbookd_ops; "

const struct probe_action actions_table[] = {
    {.name = "drop_partition",
     .help = "drops a table's old partitions: at once, and for good",
     .effect = PROBE_DESTRUCTIVE,
     .binds = PROBE_BINDS_ITEMS,
     .options = drop_options,
     .config_size = sizeof(struct drop_config),
     .needs = LOOKS "GRANT ALTER DELETE ON DATABASE.TABLE TO runbookd_ops",
     .timeout = "60s",
     .run_size = sizeof(struct action_run),
     .plan = drop_plan,
     .apply = drop_apply,
     .ended = action_forget},
    {.name = "set_ttl",
     .help = "lets a table drop its old parts by itself, from the next merges on",
     .effect = PROBE_REVERSIBLE,
     .binds = PROBE_BINDS_ITEMS,
     .options = ttl_options,
     .config_size = sizeof(struct ttl_config),
     .needs = LOOKS "GRANT ALTER TTL, ALTER SETTINGS ON DATABASE.TABLE TO runbookd_ops",
     .timeout = "60s",
     .run_size = sizeof(struct action_run),
     .plan = ttl_plan,
     .apply = ttl_apply,
     .ended = action_forget},
    {.name = "kill_query",
     .help = "ends queries that run for too long",
     .effect = PROBE_DISRUPTIVE,
     .binds = PROBE_BINDS_BOUNDS,
     .options = kill_options,
     .config_size = sizeof(struct kill_config),
     .needs = "GRANT SELECT ON system.processes TO runbookd_ops; GRANT KILL QUERY ON *.* TO "
              "runbookd_ops",
     .timeout = "15s",
     .run_size = sizeof(struct action_run),
     .plan = kill_plan,
     .apply = kill_apply,
     .ended = action_forget},
    {0},
};

/* --------------------------------------------------------------- shared ---- */

int action_name_table(struct probe_run *run, const char *table)
{
    const struct server *server = run->target->data;
    struct action_run *state = run->data;
    const char *dot = strchr(table, '.');
    char *database = dot ? strndup(table, (size_t)(dot - table)) : strdup(server->database);

    state->database = database && *database ? template_literal(database) : NULL;
    state->name = template_literal(dot ? dot + 1 : table);
    state->table = template_table(table, server->database);
    free(database);
    if (state->database && state->name && state->table)
        return 0;
    probe_end(run,
              .how = PROBE_FAILED,
              .status = -EINVAL,
              .reason = "config",
              .summary = "`table` names no database, as DATABASE.TABLE does");
    return -EINVAL;
}

void action_keep_step(struct action_run *state, const struct probe_step *step)
{
    state->key = strdup(step->key);
    state->json = step->json ? strdup(step->json) : NULL;
}

void action_change(struct probe_run *run, char *sql, wire_answer_fn *then)
{
    struct action_run *state = run->data;
    free(state->sql);
    state->sql = sql;
    if (!sql)
        probe_fail(run, -ENOMEM, "out of memory");
    else
        wire_ask(run,
                 &(const struct question){.sql = sql, .plain = true, .writes = true, .then = then});
}

void action_forget(struct probe_target *self, struct probe_run *run)
{
    struct action_run *state = run->data;
    char *const texts[] = {state->key,
                           state->json,
                           state->database,
                           state->name,
                           state->table,
                           state->words,
                           state->more,
                           state->sql};
    (void)self;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        free(texts[i]);
}
