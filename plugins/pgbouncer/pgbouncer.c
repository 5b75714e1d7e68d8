/*
 * pgbouncer - whether PgBouncer takes clients, and whether they get to their servers.
 *
 * This file is the summary: options, measures, checks, actions.  connect.c, clients.c and pools.c
 * find out, actions.c changes; console.c asks, over common/pq.
 */

#include "pgbouncer.h"

/* ------------------------------------------------------------- measures ---- */

static const struct probe_measure connect_measures[] = {
    {"connect_ms", "to log in to the console, name and TLS included", .kind = PROBE_GAUGE},
    {"query_ms", "from SHOW VERSION to its answer", .kind = PROBE_GAUGE},
    {"server_version", "as a number: 11800 is 1.18.0", .kind = PROBE_GAUGE},
    {0},
};

static const struct probe_measure clients_measures[] = {
    {"used", "connections of clients, ours among them", .kind = PROBE_GAUGE},
    {"max", "max_client_conn", .kind = PROBE_GAUGE},
    {"used_percent", "of max_client_conn", .kind = PROBE_GAUGE},
    {0},
};

static const struct probe_option pools_options[] = {
    {"databases",
     PROBE_LIST_AT(struct pools_config, databases),
     .fallback = "",
     .help = "the databases whose pools are looked at, as PgBouncer calls them; none: all"},
    {0},
};

static const struct probe_measure pools_measures[] = {
    {"waiting", "clients that wait for a server connection", .kind = PROBE_GAUGE},
    {"wait_seconds", "how long the first of them has waited", .kind = PROBE_GAUGE},
    {"active", "clients that have one, or ask for nothing", .kind = PROBE_GAUGE},
    {"used", "server connections that a client has", .kind = PROBE_GAUGE},
    {"connected", "server connections that are open", .kind = PROBE_GAUGE},
    {"state", "of the database", .kind = PROBE_WORD, .words = pools_states},
    {"limit", "pool_size: server connections at most", .kind = PROBE_GAUGE, .optional = true},
    {"used_percent", "of pool_size", .kind = PROBE_GAUGE, .optional = true},
    {"queries_per_second",
     "of the database, on average over stats_period",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"query_ms", "what a query took, likewise", .kind = PROBE_GAUGE, .optional = true},
    {"wait_ms", "how long a client waited, likewise", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

/* --------------------------------------------------------------- checks ---- */

#define STATS "in pgbouncer.ini: stats_users = runbookd; then RELOAD"
#define ADMIN "in pgbouncer.ini: admin_users = runbookd_ops; then RELOAD"

static const struct probe_check checks[] = {
    {.name = "connect",
     .title = "PgBouncer lets nobody in, and no application gets to its database",
     .since = "0.1",
     .measures = connect_measures,
     .every = "15s",
     .timeout = "5s",
     .late = PROBE_DOWN,
     .warning = "connect_ms > 1000 or query_ms > 200",
     .needs = STATS,
     .asks = "SHOW VERSION",
     .run_size = sizeof(struct wire_run),
     .run = connect_run,
     .ended = wire_release},
    {.name = "clients",
     .title = "PgBouncer's client connections run out, and applications are refused",
     .since = "0.1",
     .measures = clients_measures,
     .every = "15s",
     .timeout = "5s",
     .warning = "used_percent > 80",
     .critical = "used_percent > 95",
     .needs = STATS,
     .asks = "SHOW LISTS; SHOW CONFIG",
     .run_size = sizeof(struct clients_run),
     .run = clients_run,
     .ended = wire_release},
    {.name = "pools",
     .title = "clients wait for a server connection",
     .since = "0.1",
     .options = pools_options,
     .config_size = sizeof(struct pools_config),
     .measures = pools_measures,
     .every = "15s",
     .timeout = "5s",
     .warning = "waiting >= 1 or state ~= 'active'",
     .critical = "waiting >= 20 or wait_seconds > 5",
     .needs = STATS,
     .asks = "SHOW POOLS; SHOW DATABASES; SHOW STATS",
     .memory_size = sizeof(struct pools_memory),
     .run_size = sizeof(struct pools_run),
     .run = pools_run,
     .ended = wire_release},
    {0},
};

/* -------------------------------------------------------------- actions ---- */

static const struct probe_option reconnect_options[] = {
    {"database",
     PROBE_STRING_AT(struct action_config, database),
     .fallback = "",
     .help = "as PgBouncer calls it; none: all"},
    {0},
};

static const struct probe_option pause_options[] = {
    {"database", PROBE_STRING_AT(struct action_config, database), .help = "as PgBouncer calls it"},
    {"grace",
     PROBE_DURATION_AT(struct action_config, grace_ms),
     .fallback = "10s",
     .max = 60 * 1000,
     .help = "how long running transactions may take to end; then the pause is taken back"},
    {0},
};

static const struct probe_action actions[] = {
    {.name = "reconnect",
     .help = "has server connections opened anew as clients give them back: after a failover, a "
             "new address or a new password",
     .effect = PROBE_DISRUPTIVE,
     .binds = PROBE_BINDS_ITEMS,
     .options = reconnect_options,
     .config_size = sizeof(struct action_config),
     .needs = ADMIN,
     .timeout = "10s",
     .run_size = sizeof(struct action_run),
     .plan = reconnect_plan,
     .apply = reconnect_apply,
     .ended = wire_release},
    {.name = "pause",
     .help = "holds a database's clients back, once their transactions have ended",
     .effect = PROBE_DISRUPTIVE,
     .binds = PROBE_BINDS_ITEMS,
     .options = pause_options,
     .config_size = sizeof(struct action_config),
     .needs = ADMIN,
     .timeout = "30s",
     .run_size = sizeof(struct action_run),
     .plan = pause_plan,
     .apply = pause_apply,
     .ended = wire_release},
    {.name = "resume",
     .help = "lets the clients of a paused database, or of all, go on",
     .effect = PROBE_REVERSIBLE,
     .binds = PROBE_BINDS_ITEMS,
     .options = reconnect_options,
     .config_size = sizeof(struct action_config),
     .needs = ADMIN,
     .timeout = "10s",
     .run_size = sizeof(struct action_run),
     .plan = resume_plan,
     .apply = resume_apply,
     .ended = wire_release},
    {0},
};

/* --------------------------------------------------------------- target ---- */

static const struct probe_option options[] = {
    {"url",
     PROBE_URL_AT(struct server, url),
     .help = "pgbouncer://USER@HOST:6432; parameters as in libpq's URLs: ?sslmode=verify-full"},
    {"user",
     PROBE_STRING_AT(struct server, user),
     .fallback = "",
     .help = "one of stats_users, if it is not in the URL"},
    {"password",
     PROBE_SECRET_AT(struct server, password),
     .fallback = "",
     .help = "if it is not in the URL"},
    {"database",
     PROBE_STRING_AT(struct server, database),
     .fallback = "pgbouncer",
     .help = "what the console is called"},
    {"application_name",
     PROBE_STRING_AT(struct server, application_name),
     .fallback = "runbookd",
     .help = "how the console's own lists call this agent"},
    {"tls",
     PROBE_PAIRS_AT(struct server, tls),
     .fallback = "",
     .help = "how to trust it: ca, certificate, key, name, verify, lowest; default: as the URL's "
             "sslmode says"},
    {0},
};

static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "pgbouncer",
    .version = "1.0",
    .summary = "clients and pools of a PgBouncer",
    .scheme = "pgbouncer",
    .variables = "PGBOUNCER_URL",
    .options = options,
    .config_size = sizeof(struct server),
    .data_size = sizeof(struct wire),
    .parallel = 1,
    .checks = checks,
    .actions = actions,
    .create = wire_create,
    .destroy = wire_destroy,
};
PROBE_PLUGIN(plugin);
