/*
 * replication - whether the replicas are in step, as the master sees them, or this replica its master.
 * Lines of INFO that only newer servers have are looked for, never expected.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "redis.h"
#include "rows.h"

const struct probe_option replication_options[] = {
    {"replicas",
     PROBE_INT_AT(struct replication_config, replicas),
     .fallback = "0",
     .max = 1000,
     .help = "how many good ones a master should have"},
    {"good_within",
     PROBE_DURATION_AT(struct replication_config, good_within_ms),
     .fallback = "10s",
     .min = 1000,
     .max = 3600000,
     .help = "a replica that acknowledged so lately is good"},
    {0},
};

static const char *const role_words[] = {"master", "replica", NULL};
static const char *const link_words[] = {"up", "down", NULL};

const struct probe_measure replication_measures[] = {
    {"role", "what it is", .kind = PROBE_WORD, .words = role_words},
    {"replicas", "that are connected", .kind = PROBE_GAUGE},
    {"good_replicas", "that are online and acknowledged lately", .kind = PROBE_GAUGE},
    {"missing_replicas", "of those that the option `replicas` expects", .kind = PROBE_GAUGE},
    {"lag_bytes",
     "how far the worst replica is behind; of a replica: what it has read and not applied",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"lag_seconds",
     "since the worst replica's last acknowledgement; of a replica: since it heard of its master",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"link",
     "of a replica: to its master",
     .kind = PROBE_WORD,
     .optional = true,
     .words = link_words},
    {"link_down_seconds",
     "of a replica that lost its master: for how long",
     .kind = PROBE_GAUGE,
     .optional = true},
    {0},
};

/* What INFO says of all replicas of a master. */
struct replicas {
    int64_t count, good, lag_bytes, lag_s; /* the worst lags */
    struct rows rows;
};

static const struct probe_column replica_columns[] = {{"replica", PROBE_FIELD_TEXT},
                                                      {"state", PROBE_FIELD_TEXT},
                                                      {"lag_bytes", PROBE_FIELD_INT},
                                                      {"lag_seconds", PROBE_FIELD_INT}};

static void add_replica(struct replicas *replicas, const char *line, int64_t offset,
                        int64_t good_within_s)
{
    char ip[80], port[8], state[24], at[24], lag[24];
    info_part(line, "ip", ip, sizeof(ip));
    info_part(line, "port", port, sizeof(port));
    info_part(line, "state", state, sizeof(state));
    info_part(line, "offset", at, sizeof(at));
    info_part(line, "lag", lag, sizeof(lag));
    int64_t behind = offset - strtoll(at, NULL, 10), seconds = strtoll(lag, NULL, 10);
    bool online = strcmp(state, "online") == 0;
    behind = behind > 0 ? behind : 0;
    replicas->count++;
    replicas->good += online && seconds <= good_within_s;
    if (online && behind > replicas->lag_bytes)
        replicas->lag_bytes = behind;
    if (online && seconds > replicas->lag_s)
        replicas->lag_s = seconds;
    if (!rows_begin(&replicas->rows))
        return;
    rows_cell(&replicas->rows, "%s:%s", ip, port);
    rows_cell(&replicas->rows, "%s", state);
    rows_cell(&replicas->rows, "%" PRId64, behind);
    rows_cell(&replicas->rows, "%" PRId64, seconds);
}

static void read_replicas(const char *info, int64_t good_within_s, struct replicas *replicas)
{
    int64_t offset = info_int(info, "master_repl_offset", 0);
    char name[24], line[256];
    *replicas = (struct replicas){0};
    ROWS_INIT(&replicas->rows, replica_columns);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "slave%d", i);
        if (!info_word(info, name, line, sizeof(line)))
            break;
        add_replica(replicas, line, offset, good_within_s);
    }
}

static void report_master(struct probe_run *run, const char *info)
{
    const struct replication_config *config = run->config;
    struct replicas replicas;
    struct probe_table table;
    struct probe_field fields[8];
    struct probe_field *field = fields;
    char summary[128];
    read_replicas(info, config->good_within_ms / 1000, &replicas);
    int64_t missing = config->replicas - replicas.good;
    *field++ = probe_text("role", "master");
    *field++ = probe_int("replicas", replicas.count);
    *field++ = probe_int("good_replicas", replicas.good);
    *field++ = probe_int("missing_replicas", missing > 0 ? missing : 0);
    if (replicas.count > 0) {
        *field++ = probe_int("lag_bytes", replicas.lag_bytes);
        *field++ = probe_int("lag_seconds", replicas.lag_s);
        *field++ = rows_field(&replicas.rows, "by_replica", &table);
    }
    *field = (struct probe_field){0};
    if (replicas.count == 0)
        (void)snprintf(summary, sizeof(summary), "a master without replicas");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " of %" PRId64 " replicas are in step, %" PRId64
                       " bytes behind at most",
                       replicas.good,
                       replicas.count,
                       replicas.lag_bytes);
    probe_report(run,
                 .summary = summary,
                 .hint = missing > 0 ? "see the replicas, and the option `replicas`" : NULL,
                 .fields = fields);
}

static void report_replica(struct probe_run *run, const char *info)
{
    bool up = info_says(info, "master_link_status", "up");
    bool syncing = info_int(info, "master_sync_in_progress", 0) == 1;
    int64_t down = info_int(info, "master_link_down_since_seconds", -1);
    int64_t quiet = info_int(info, "master_last_io_seconds_ago", -1);
    int64_t applied = info_int(info, "slave_repl_offset", 0);
    int64_t read = info_int(info, "slave_read_repl_offset", applied); /* since 7.0 */
    struct probe_field fields[10];
    struct probe_field *field = fields;
    char host[CHECKS_WORD * 2], summary[200];
    (void)info_word(info, "master_host", host, sizeof(host));
    *field++ = probe_text("role", "replica");
    *field++ = probe_text("link", up ? "up" : "down");
    *field++ = probe_int("replicas", info_int(info, "connected_slaves", 0));
    *field++ = probe_int("good_replicas", info_int(info, "connected_slaves", 0));
    *field++ = probe_int("missing_replicas", 0);
    if (!up && down >= 0)
        *field++ = probe_int("link_down_seconds", down);
    if (up)
        *field++ = probe_int("lag_bytes", read > applied ? read - applied : 0);
    if (quiet >= 0)
        *field++ = probe_int("lag_seconds", quiet);
    *field++ = probe_bool("syncing", syncing);
    *field = (struct probe_field){0};
    (void)snprintf(summary,
                   sizeof(summary),
                   up        ? "a replica of %.80s, heard of it %" PRId64 " s ago"
                   : syncing ? "a replica of %.80s that copies all of it"
                             : "a replica that has lost its master %.80s",
                   host,
                   quiet);
    probe_report(
        run, .summary = summary, .hint = up ? NULL : "see the master first", .fields = fields);
}

static void on_replication(struct probe_run *run, const redisReply *reply)
{
    if (!numbers_has(run, reply, "role"))
        return;
    if (info_says(reply->str, "role", "slave"))
        report_replica(run, reply->str);
    else
        report_master(run, reply->str);
    probe_done(run);
}

void replication_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    numbers_ask(run, on_replication);
}
