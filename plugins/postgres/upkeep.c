#include "upkeep.h"

#include <inttypes.h>

#include "common/percent.h"
#include "common/pq/wire.h"
#include "evidence.h"
#include "local.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ----------------------------------------------------------- wraparound ---- */

/* The server takes no more writes when so many ids are in use: 2^31 without its own reserve. */
static const double MOST_IDS = 2147483648.0 - 3000000.0;

const struct probe_measure wraparound_measures[] = {
    {"used_percent",
     "of the transaction or multixact ids until the server takes no more writes",
     .kind = PROBE_GAUGE},
    {"freeze_percent",
     "how old the oldest ids are, of the age at which autovacuum must freeze them",
     .kind = PROBE_GAUGE},
    {"xid_age", "transactions since the oldest one that is not frozen", .kind = PROBE_GAUGE},
    {"multixact_age", "the same of multixacts", .kind = PROBE_GAUGE},
    {0},
};

void check_wraparound(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"name", PROBE_FIELD_TEXT},
        {"xids", PROBE_FIELD_INT},
        {"multixacts", PROBE_FIELD_INT},
    };
    const struct rows *rows = &answer->rows;
    struct evidence databases, tables;
    double xids = rows_real(rows, 0, "xid_age"), multixacts = rows_real(rows, 0, "multixact_age");
    double used = percent_of(xids > multixacts ? xids : multixacts, MOST_IDS);
    double xid_freeze = percent_of(xids, rows_real(rows, 0, "xid_freeze"));
    double multixact_freeze = percent_of(multixacts, rows_real(rows, 0, "multixact_freeze"));
    double freeze = xid_freeze > multixact_freeze ? xid_freeze : multixact_freeze;
    const char *name = rows_text(rows, 0, "name");
    char summary[240];

    if (rows->count == 0) {
        probe_fail(run, -EPROTO, "the server does not say how old its databases are");
        return;
    }
    (void)snprintf(summary,
                   sizeof(summary),
                   "%.1f %% of the %s ids are used, the oldest ones by database %.64s",
                   used,
                   multixacts > xids ? "multixact" : "transaction",
                   name ? name : "(none)");
    probe_report(
        run,
        .summary = summary,
        .hint = freeze > 100
                    ? "VACUUM (FREEZE) the oldest tables there; first end what holds the horizon: "
                      "the check vacuum names it"
                    : NULL,
        .fields = PROBE_FIELDS(
            probe_real("used_percent", used),
            probe_real("freeze_percent", freeze),
            probe_int("xid_age", rows_int(rows, 0, "xid_age")),
            probe_int("multixact_age", rows_int(rows, 0, "multixact_age")),
            evidence_of_part(&databases, "databases", rows, "database", columns, COUNT(columns), 0),
            probe_text("tables_of", rows_text(rows, 0, "connected_to")),
            evidence_of_part(&tables, "tables", rows, "table", columns, COUNT(columns), 0)));
    probe_done(run);
}

void run_wraparound(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run, &(const struct question){.sql = wraparound_sql, .then = check_wraparound});
}

/* --------------------------------------------------------------- vacuum ---- */

const struct probe_option vacuum_options[] = {
    {"min_dead",
     PROBE_INT_AT(struct vacuum, min_dead),
     .fallback = "10000",
     .max = INT64_C(1000000000000),
     .help = "dead rows that a table may have, whatever its settings are"},
    {0},
};

const struct probe_measure vacuum_measures[] = {
    {"overdue",
     "tables with twice as many dead rows as start autovacuum, and more than min_dead",
     .kind = PROBE_GAUGE},
    {"dead_percent", "dead rows of the worst of the tables with min_dead", .kind = PROBE_GAUGE},
    {"horizon_xids",
     "transactions since the oldest snapshot that is still held: what died since stays",
     .kind = PROBE_GAUGE},
    {"horizon_seconds",
     "how long the oldest open or prepared transaction has held a snapshot",
     .kind = PROBE_GAUGE},
    {0},
};

int prepare_vacuum(const void *config, void *memory, struct probe_error *error)
{
    const struct vacuum *options = config;
    struct vacuum_params *params = memory;

    (void)error;
    (void)snprintf(params->min_dead, sizeof(params->min_dead), "%" PRId64, options->min_dead);
    return 0;
}

/* What a holder of the horizon is, and how it lets go. */
static const struct {
    const char *kind, *name, *hint;
} holders[] = {
    {"session", "the transaction of pid", "end that transaction: SELECT pg_terminate_backend(pid)"},
    {"prepared", "prepared transaction", "COMMIT PREPARED or ROLLBACK PREPARED 'name'"},
    {"slot",
     "replication slot",
     "start its reader, or if there is none any more SELECT pg_drop_replication_slot('name')"},
    {"standby",
     "the query of a standby with hot_standby_feedback, walsender",
     "end the long query on the standby"},
};

/* The holder with most transactions behind it is the first of its part. */
static size_t holder_of(const struct rows *rows, size_t *ret_row)
{
    for (size_t row = 0; row < rows->count; row++)
        for (size_t i = 0; rows_is(rows, row, "part", "holder") && i < COUNT(holders); i++)
            if (rows_is(rows, row, "kind", holders[i].kind)) {
                *ret_row = row;
                return i;
            }
    return COUNT(holders);
}

static struct probe_field tables_of(struct evidence *evidence, const struct rows *rows)
{
    static const struct probe_column columns[] = {
        {"name", PROBE_FIELD_TEXT},
        {"dead_tuples", PROBE_FIELD_INT},
        {"live_tuples", PROBE_FIELD_INT},
        {"dead_percent", PROBE_FIELD_REAL},
        {"last_autovacuum", PROBE_FIELD_TIME},
        {"last_vacuum", PROBE_FIELD_TIME},
        {"autovacuum", PROBE_FIELD_BOOL},
    };
    return evidence_of_part(
        evidence, "tables", rows, "table", columns, COUNT(columns), rows_int(rows, 0, "overdue"));
}

static struct probe_field holders_of(struct evidence *evidence, const struct rows *rows)
{
    static const struct probe_column columns[] = {
        {"kind", PROBE_FIELD_TEXT},
        {"name", PROBE_FIELD_TEXT},
        {"user", PROBE_FIELD_TEXT},
        {"database", PROBE_FIELD_TEXT},
        {"application", PROBE_FIELD_TEXT},
        {"state", PROBE_FIELD_TEXT},
        {"xids", PROBE_FIELD_INT},
        {"age_seconds", PROBE_FIELD_REAL},
    };
    return evidence_of_part(
        evidence, "holders", rows, "holder", columns, COUNT(columns), rows_int(rows, 0, "holders"));
}

void check_vacuum(struct probe_run *run, const struct answer *answer)
{
    const struct rows *rows = &answer->rows;
    struct evidence tables, holding;
    size_t row = 0, holder = holder_of(rows, &row);
    int64_t overdue = rows_int(rows, 0, "overdue");
    char summary[320], held[200] = "nothing holds the horizon";

    if (evidence_refuse_standby(run, rows, "vacuum") || evidence_refuse_hidden(run, rows))
        return;
    if (holder < COUNT(holders))
        (void)snprintf(held,
                       sizeof(held),
                       "%s %.64s holds the horizon for %" PRId64 " transactions",
                       holders[holder].name,
                       rows_text(rows, row, "name"),
                       rows_int(rows, row, "xids"));
    (void)snprintf(summary,
                   sizeof(summary),
                   "%" PRId64 " %s overdue for vacuum; %s",
                   overdue,
                   overdue == 1 ? "table is" : "tables are",
                   held);
    local_report(
        run,
        .summary = summary,
        .hint = holder < COUNT(holders) ? holders[holder].hint
                : overdue               ? "VACUUM them, then let autovacuum come more often"
                                        : NULL,
        .fields = PROBE_FIELDS(probe_int("overdue", overdue),
                               probe_real("dead_percent", rows_real(rows, 0, "most_dead_percent")),
                               probe_int("horizon_xids", rows_int(rows, 0, "horizon_xids")),
                               probe_real("horizon_seconds", rows_real(rows, 0, "horizon_seconds")),
                               tables_of(&tables, rows),
                               holders_of(&holding, rows)));
    local_done(run);
}

static void ask_vacuum(struct probe_run *run)
{
    const struct vacuum_params *params = run->memory;

    local_ask(run,
              &(const struct question){
                  .sql = vacuum_sql,
                  .params = {params->min_dead, *local_database(run) ? "true" : "false"},
                  .param_count = 2,
                  .then = check_vacuum});
}

void run_vacuum(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    local_start(run, ask_vacuum);
}
