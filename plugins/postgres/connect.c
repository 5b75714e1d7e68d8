#include "connect.h"

#include <string.h>

#include "common/pq/wire.h"
#include "connections.h"
#include "postgres_queries.h"

const struct probe_measure connect_measures[] = {
    {"connect_ms", "to log in afresh, name and TLS included", .kind = PROBE_GAUGE},
    {"query_ms", "from begin to the answer of the smallest question", .kind = PROBE_GAUGE},
    {"in_recovery", "whether it is a standby", .kind = PROBE_FLAG},
    {"server_version", "as a number: 150020 is 15.20", .kind = PROBE_GAUGE},
    {0},
};

void check_connect(struct probe_run *run, const struct answer *answer)
{
    bool standby = rows_flag(&answer->rows, 0, "in_recovery");
    char summary[160];

    (void)snprintf(summary,
                   sizeof(summary),
                   "PostgreSQL %.*s, a %s, lets in and answers",
                   (int)strcspn(answer->version, " "),
                   answer->version,
                   standby ? "standby" : "primary");
    probe_report(run,
                 .summary = summary,
                 .fields = PROBE_FIELDS(probe_real("connect_ms", (double)answer->connect_us / 1e3),
                                        probe_real("query_ms", (double)answer->query_us / 1e3),
                                        probe_bool("in_recovery", standby),
                                        probe_int("server_version", answer->server_version),
                                        probe_text("tls", *answer->tls ? answer->tls : "none")));
    probe_done(run);
}

static void connect_refused(struct probe_run *run, const struct trouble *trouble)
{
    (void)trouble;
    const struct login *login = run->data;
    trouble_end(run, &login->refusal);
}

static void connect_full(struct probe_run *run, const struct answer *answer)
{
    const struct login *login = run->data;
    struct trouble trouble = login->refusal;
    size_t len = strlen(trouble.text);
    char usage[240];

    connections_say_usage(&answer->rows, usage, sizeof(usage));
    (void)snprintf(trouble.text + len, sizeof(trouble.text) - len, "; %s", usage);
    trouble_end(run, &trouble);
}

/* A full server still answers on the connection that is kept: who has taken all the others? */
static void connect_failed(struct probe_run *run, const struct trouble *trouble)
{
    struct login *login = run->data;

    login->refusal = *trouble;
    if (trouble->kind == TROUBLE_TOO_MANY_CLIENTS && wire_keeps(run->target))
        wire_ask(run,
                 &(const struct question){
                     .sql = connections_sql, .then = connect_full, .otherwise = connect_refused});
    else
        trouble_end(run, trouble);
}

void run_connect(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run,
             &(const struct question){.sql = connect_sql,
                                      .afresh = true,
                                      .then = check_connect,
                                      .otherwise = connect_failed});
}
