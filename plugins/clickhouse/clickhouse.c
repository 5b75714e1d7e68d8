/*
 * clickhouse - whether a ClickHouse server lets in, its storage, its work and what it shares with
 * others.
 *
 * This file is the summary: options, measures, checks.  The questions lie in checks/, one file each, as
 * templates for servers of any version; connect.c, storage.c, work.c, memory.c, errors.c, remote.c and
 * freshness.c turn their rows into findings; actions.c has what may be changed; wire.c asks them over HTTP, survey.c finds out what a
 * server has and shows.
 */
#include <stdlib.h>

#include "actions.h"
#include "checks.h"
#include "clickhouse_queries.h"

const char *const checks_templates[] = {disk_sql,
                                        partitions_sql,
                                        parts_sql,
                                        detached_parts_sql,
                                        freshness_sql,
                                        mutations_sql,
                                        merges_sql,
                                        long_queries_sql,
                                        memory_sql,
                                        errors_sql,
                                        replication_sql,
                                        distribution_queue_sql,
                                        dictionaries_sql,
                                        NULL};

void quoted_forget(void *memory)
{
    struct quoted *quoted = memory;
    free(quoted->first);
    free(quoted->second);
}

/* ------------------------------------------------------------- measures ---- */

static const struct probe_measure connect_measures[] = {
    {"connect_ms", "to connect, name and TLS included", .kind = PROBE_GAUGE},
    {"ping_ms", "from then on to the answer to /ping", .kind = PROBE_GAUGE},
    {"query_ms", "to log in and to answer the smallest question", .kind = PROBE_GAUGE},
    {"uptime_seconds", "since the server began", .kind = PROBE_GAUGE},
    {"server_version", "as a number: 26007002 is 26.7.2", .kind = PROBE_GAUGE},
    {0},
};

static const struct probe_measure disk_measures[] = {
    {"broken", "whether the server holds it to be broken", .kind = PROBE_FLAG},
    {"used_percent", "of all its bytes", .kind = PROBE_GAUGE, .optional = true},
    {"total_bytes", "how large it is", .kind = PROBE_GAUGE, .optional = true},
    {"free_bytes", "what is free", .kind = PROBE_GAUGE, .optional = true},
    {"unreserved_bytes",
     "of those, what no merge has reserved",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"keep_free_bytes", "what the server leaves free", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

static const struct probe_option partitions_options[] = {
    {"database",
     PROBE_STRING_AT(struct partitions_config, database),
     .fallback = "",
     .help = "only of this database"},
    {"top",
     PROBE_INT_AT(struct partitions_config, top),
     .fallback = "20",
     .min = 1,
     .max = 20,
     .help = "how many of the largest are shown"},
    {0},
};

static const struct probe_measure partitions_measures[] = {
    {"count", "partitions", .kind = PROBE_GAUGE},
    {"size_bytes", "of their active parts", .kind = PROBE_GAUGE},
    {"largest_bytes", "the largest of them", .kind = PROBE_GAUGE},
    {"largest_percent", "its share", .kind = PROBE_GAUGE},
    {"limit_bytes",
     "max_partition_size_to_drop: larger ones cannot be dropped as they are",
     .kind = PROBE_GAUGE,
     .optional = true},
    {0},
};

static const struct probe_measure parts_measures[] = {
    {"count", "active parts of the partition that is nearest to its limit", .kind = PROBE_GAUGE},
    {"limit", "parts_to_throw_insert: with so many, inserts are refused", .kind = PROBE_GAUGE},
    {"used_percent", "of that limit", .kind = PROBE_GAUGE},
    {"delay_percent",
     "of parts_to_delay_insert, from which on inserts are slowed",
     .kind = PROBE_GAUGE},
    {"slowed",
     "inserts that were slowed for too many parts",
     .kind = PROBE_COUNTER,
     .optional = true},
    {"rejected",
     "inserts that were refused for too many parts",
     .kind = PROBE_COUNTER,
     .optional = true},
    {0},
};

static const struct probe_measure detached_measures[] = {
    {"count", "parts in `detached` folders", .kind = PROBE_GAUGE},
    {"broken", "those that the server set aside because something was wrong", .kind = PROBE_GAUGE},
    {"size_bytes", "of all of them", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

static const struct probe_option freshness_options[] = {
    {"table", PROBE_STRING_AT(struct freshness_config, table), .help = "DATABASE.TABLE"},
    {"column",
     PROBE_STRING_AT(struct freshness_config, column),
     .help = "when a row came: a DateTime, DateTime64 or Date, or seconds since 1970"},
    {"lookback",
     PROBE_DURATION_AT(struct freshness_config, lookback),
     .fallback = "1d",
     .min = 60000,
     .max = INT64_C(3660) * 86400 * 1000,
     .help = "older rows are not read; longer than the limits of the conditions"},
    {0},
};

static const struct probe_measure freshness_measures[] = {
    {"age_seconds", "of the newest row; `lookback` where there is none in it", .kind = PROBE_GAUGE},
    {"rows_last_hour", "how many rows came within the last hour", .kind = PROBE_GAUGE},
    {0},
};

static const struct probe_measure mutations_measures[] = {
    {"count", "mutations that are not done", .kind = PROBE_GAUGE},
    {"age_seconds", "of the oldest of them; zero: there is none", .kind = PROBE_GAUGE},
    {"parts_to_do", "parts that they still have to rewrite", .kind = PROBE_GAUGE},
    {"failed", "those whose last try failed", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

static const struct probe_measure merges_measures[] = {
    {"count", "merges at work, mutations of parts included", .kind = PROBE_GAUGE},
    {"age_seconds", "how long the longest of them runs", .kind = PROBE_GAUGE},
    {"mutations", "those that are a mutation's", .kind = PROBE_GAUGE},
    {"memory_bytes", "what they use", .kind = PROBE_GAUGE},
    {"used_percent", "of the background pool's threads", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

static const struct probe_option long_queries_options[] = {
    {"older_than",
     PROBE_DURATION_AT(struct long_queries_config, older_than),
     .fallback = "5m",
     .max = INT64_C(366) * 86400 * 1000,
     .help = "how long a query may run"},
    {"except_users",
     PROBE_LIST_AT(struct long_queries_config, except_users),
     .fallback = "",
     .help = "users whose queries may take their time"},
    {0},
};

static const struct probe_measure long_queries_measures[] = {
    {"count", "queries that run for longer than older_than", .kind = PROBE_GAUGE},
    {"age_seconds", "how long the oldest of them runs; zero: there is none", .kind = PROBE_GAUGE},
    {0},
};

static const struct probe_option memory_options[] = {
    {"limit",
     PROBE_BYTES_AT(struct memory_config, limit),
     .fallback = "0",
     .help = "what the container may use; default: max_server_memory_usage"},
    {0},
};

static const struct probe_measure memory_measures[] = {
    {"used_bytes", "what the server's memory tracker counts", .kind = PROBE_GAUGE},
    {"rejected", "queries that failed for lack of memory", .kind = PROBE_COUNTER, .optional = true},
    {"resident_bytes", "what the process occupies", .kind = PROBE_GAUGE, .optional = true},
    {"limit_bytes", "what it may use", .kind = PROBE_GAUGE, .optional = true},
    {"used_percent", "of that", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

static const struct probe_option errors_options[] = {
    {"severe",
     PROBE_LIST_AT(struct errors_config, severe),
     .fallback = errors_severe,
     .help = "names of errors that say that the server is in trouble"},
    {"ignore",
     PROBE_LIST_AT(struct errors_config, ignore),
     .fallback = errors_ignore,
     .help = "names of errors that clients cause"},
    {0},
};

static const struct probe_measure errors_measures[] = {
    {"errors", "all that were counted, without those ignored", .kind = PROBE_COUNTER},
    {"severe", "those of them that are severe", .kind = PROBE_COUNTER},
    {0},
};

static const struct probe_option replication_options[] = {
    {"peers",
     PROBE_BOOL_AT(struct replication_config, peers),
     .fallback = "false",
     .help = "count the other replicas that are there, which asks the keeper about every table"},
    {0},
};

static const struct probe_measure replication_measures[] = {
    {"count", "replicated tables", .kind = PROBE_GAUGE},
    {"readonly", "those that take no inserts", .kind = PROBE_GAUGE},
    {"expired", "those whose session with the keeper is lost", .kind = PROBE_GAUGE},
    {"delay_seconds", "how far the slowest is behind", .kind = PROBE_GAUGE},
    {"length", "entries in the longest queue", .kind = PROBE_GAUGE},
    {"oldest_seconds", "for how long the oldest entry waits", .kind = PROBE_GAUGE},
    {"failed", "entries whose last try failed", .kind = PROBE_GAUGE},
    {"lost", "parts that no replica has any more", .kind = PROBE_COUNTER},
    {"inactive",
     "with `peers`: other replicas that are not there",
     .kind = PROBE_GAUGE,
     .optional = true},
    {0},
};

static const struct probe_measure distribution_measures[] = {
    {"length", "files that wait to be sent to a shard", .kind = PROBE_GAUGE},
    {"size_bytes", "of them", .kind = PROBE_GAUGE},
    {"broken", "files that will not be sent again", .kind = PROBE_GAUGE},
    {"failed", "tables whose last try to send failed", .kind = PROBE_GAUGE},
    {0},
};

static const struct probe_measure dictionaries_measures[] = {
    {"count", "dictionaries", .kind = PROBE_GAUGE},
    {"failed", "those that could not be loaded", .kind = PROBE_GAUGE},
    {"stale", "those that could not be renewed, and go on with old data", .kind = PROBE_GAUGE},
    {0},
};

/* --------------------------------------------------------------- checks ---- */

#define SELECT(table) "GRANT SELECT ON system." table " TO runbookd; "
#define HAS(table) "ClickHouse from 21 on, and older ones that have system." table
#define SHOW_TABLES "GRANT SHOW TABLES ON *.* TO runbookd"

static const struct probe_check checks[] = {
    {.name = "connect",
     .title = "ClickHouse does not let anybody in",
     .since = "0.1",
     .measures = connect_measures,
     .every = "15s",
     .timeout = "5s",
     .late = PROBE_DOWN,
     .warning = "connect_ms > 1000 or query_ms > 1000",
     .needs = "CREATE USER runbookd IDENTIFIED BY '...' SETTINGS readonly = 2",
     .asks = connect_sql,
     .run_size = sizeof(struct connect_run),
     .run = connect_run},
    {.name = "disk",
     .title = "a disk runs full: merges stop first, then inserts",
     .since = "0.1",
     .measures = disk_measures,
     .every = "1m",
     .timeout = "5s",
     .warning = "used_percent > 80",
     .critical = "used_percent > 90 or broken",
     .needs = "GRANT SELECT ON system.disks TO runbookd",
     .applies = HAS("disks"),
     .asks = disk_sql,
     .run_size = sizeof(struct wire_run),
     .run = disk_run},
    {.name = "partitions",
     .title = "a partition is too large to be dropped when room is needed",
     .since = "0.1",
     .options = partitions_options,
     .config_size = sizeof(struct partitions_config),
     .measures = partitions_measures,
     .every = "5m",
     .timeout = "10s",
     .warning = "largest_bytes > limit_bytes",
     .needs = SELECT("parts") SELECT("server_settings") SHOW_TABLES,
     .asks = partitions_sql,
     .memory_size = sizeof(struct quoted),
     .run_size = sizeof(struct wire_run),
     .run = partitions_run,
     .prepare = partitions_prepare,
     .forget = quoted_forget},
    {.name = "parts",
     .title = "more parts come than are merged, and inserts are slowed or refused",
     .since = "0.1",
     .measures = parts_measures,
     .every = "30s",
     .timeout = "10s",
     .warning = "delay_percent > 80 or used_percent > 50 or slowed_delta > 0",
     .critical = "used_percent > 80 or rejected_delta > 0",
     .needs = SELECT("parts") SELECT("merge_tree_settings") SELECT("events") SHOW_TABLES,
     .asks = parts_sql,
     .run_size = sizeof(struct wire_run),
     .run = parts_run},
    {.name = "detached_parts",
     .title = "the server has set parts aside, whose rows nobody sees",
     .since = "0.1",
     .measures = detached_measures,
     .every = "5m",
     .timeout = "10s",
     .warning = "broken > 0",
     .needs = SELECT("detached_parts") SHOW_TABLES,
     .applies = HAS("detached_parts"),
     .asks = detached_parts_sql,
     .run_size = sizeof(struct wire_run),
     .run = detached_parts_run},
    {.name = "freshness",
     .title = "no new rows come into a table",
     .since = "0.1",
     .options = freshness_options,
     .config_size = sizeof(struct freshness_config),
     .measures = freshness_measures,
     .every = "1m",
     .timeout = "10s",
     .warning = "age_seconds > 3600",
     .critical = "age_seconds > 7200",
     .needs = "GRANT SELECT(COLUMN) ON DATABASE.TABLE TO runbookd",
     .asks = freshness_sql,
     .memory_size = sizeof(struct quoted),
     .run_size = sizeof(struct wire_run),
     .run = freshness_run,
     .prepare = freshness_prepare,
     .forget = quoted_forget},
    {.name = "mutations",
     .title = "an ALTER ... UPDATE or DELETE does not come to its end",
     .since = "0.1",
     .measures = mutations_measures,
     .every = "1m",
     .timeout = "5s",
     .warning = "age_seconds > 1800",
     .critical = "failed > 0",
     .needs = SELECT("mutations") SHOW_TABLES,
     .asks = mutations_sql,
     .run_size = sizeof(struct wire_run),
     .run = mutations_run},
    {.name = "merges",
     .title = "a merge takes so long that parts pile up behind it",
     .since = "0.1",
     .measures = merges_measures,
     .every = "30s",
     .timeout = "5s",
     .warning = "age_seconds > 3600",
     .needs = SELECT("merges") SELECT("metrics") SHOW_TABLES,
     .asks = merges_sql,
     .run_size = sizeof(struct wire_run),
     .run = merges_run},
    {.name = "long_queries",
     .title = "queries run for so long that others wait for memory and threads",
     .since = "0.1",
     .options = long_queries_options,
     .config_size = sizeof(struct long_queries_config),
     .measures = long_queries_measures,
     .every = "30s",
     .timeout = "5s",
     .warning = "count > 0",
     .critical = "age_seconds > 3600",
     .needs = "GRANT SELECT ON system.processes TO runbookd",
     .asks = long_queries_sql,
     .memory_size = sizeof(struct quoted),
     .run_size = sizeof(struct wire_run),
     .run = long_queries_run,
     .prepare = long_queries_prepare,
     .forget = quoted_forget},
    {.name = "memory",
     .title = "the server runs out of memory, and refuses queries or is ended by the kernel",
     .since = "0.1",
     .options = memory_options,
     .config_size = sizeof(struct memory_config),
     .measures = memory_measures,
     .every = "15s",
     .timeout = "5s",
     .warning = "used_percent > 80 or rejected_delta > 0",
     .critical = "used_percent > 95",
     .needs = SELECT("processes") SELECT("server_settings") SELECT("asynchronous_metrics")
         SELECT("events") "GRANT SELECT ON system.metrics TO runbookd",
     .asks = memory_sql,
     .run_size = sizeof(struct wire_run),
     .run = memory_run},
    {.name = "errors",
     .title = "the server counts errors that say that it is in trouble",
     .since = "0.1",
     .options = errors_options,
     .config_size = sizeof(struct errors_config),
     .measures = errors_measures,
     .every = "1m",
     .timeout = "5s",
     .warning = "severe_delta > 0",
     .critical = "severe_per_second > 5",
     .needs = "GRANT SELECT ON system.errors TO runbookd",
     .applies = HAS("errors"),
     .asks = errors_sql,
     .memory_size = sizeof(struct errors_memory),
     .run_size = sizeof(struct wire_run),
     .run = errors_run},
    {.name = "replication",
     .title = "a replica takes no inserts, or falls behind the others",
     .since = "0.1",
     .options = replication_options,
     .config_size = sizeof(struct replication_config),
     .measures = replication_measures,
     .every = "30s",
     .timeout = "10s",
     .warning = "delay_seconds > 60 or failed > 0 or oldest_seconds > 3600 or inactive > 0",
     .critical = "readonly > 0 or expired > 0 or delay_seconds > 300 or lost_delta > 0",
     .needs = SELECT("replicas") SELECT("replication_queue") SHOW_TABLES,
     .asks = replication_sql,
     .run_size = sizeof(struct wire_run),
     .run = replication_run},
    {.name = "distribution_queue",
     .title = "rows wait on this server's disk for a shard that does not take them",
     .since = "0.1",
     .measures = distribution_measures,
     .every = "30s",
     .timeout = "5s",
     .warning = "length > 100 or failed > 0",
     .critical = "length > 10000 or broken > 0",
     .needs = SELECT("distribution_queue") SHOW_TABLES,
     .applies = HAS("distribution_queue"),
     .asks = distribution_queue_sql,
     .run_size = sizeof(struct wire_run),
     .run = distribution_queue_run},
    {.name = "dictionaries",
     .title = "a dictionary cannot be loaded, and queries fail or see old data",
     .since = "0.1",
     .measures = dictionaries_measures,
     .every = "1m",
     .timeout = "5s",
     .warning = "stale > 0",
     .critical = "failed > 0",
     .needs = SELECT("dictionaries") "GRANT SHOW DICTIONARIES ON *.* TO runbookd",
     .asks = dictionaries_sql,
     .run_size = sizeof(struct wire_run),
     .run = dictionaries_run},
    {0},
};

/* --------------------------------------------------------------- target ---- */

static const struct probe_option server_options[] = {
    {"url",
     PROBE_URL_AT(struct server_options, url),
     .help =
         "http://HOST:8123/DATABASE, https://HOST:8443/DATABASE; clickhouse://HOST/DATABASE, as "
         "drivers have it, means the same"},
    {"user",
     PROBE_STRING_AT(struct server_options, user),
     .fallback = "",
     .help = "if it is not in the URL; default: default"},
    {"password",
     PROBE_SECRET_AT(struct server_options, password),
     .fallback = "",
     .help = "if it is not in the URL"},
    {"database",
     PROBE_STRING_AT(struct server_options, database),
     .fallback = "",
     .help = "if it is not in the URL; connect sees whether it is there"},
    {"tls",
     PROBE_TLS_AT(struct server_options, tls),
     .fallback = "",
     .help = "how to trust it; with clickhouse:// it asks for TLS"},
    {0},
};

static int create(struct probe_target *self, struct probe_error *error)
{
    return server_open(self->data, self, error);
}

static void destroy(struct probe_target *self)
{
    server_close(self->data);
}

static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "clickhouse",
    .version = "1.0",
    .summary = "logins, storage, work and replication of a ClickHouse server, over HTTP",
    .scheme = "clickhouse,clickhouses,http,https",
    .variables = "CLICKHOUSE_URL",
    .options = server_options,
    .config_size = sizeof(struct server_options),
    .data_size = sizeof(struct server),
    .parallel = 1,
    .checks = checks,
    .actions = actions_table,
    .create = create,
    .destroy = destroy,
};
PROBE_PLUGIN(plugin);
