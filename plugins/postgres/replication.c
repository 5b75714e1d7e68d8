#include "replication.h"

#include <inttypes.h>
#include <string.h>

#include "common/age.h"
#include "common/bytes.h"
#include "common/pq/wire.h"
#include "evidence.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { POSITION_STEP_MS = 10000 };

static const char *const expected_roles[] = {"any", "primary", "standby", NULL};

const struct probe_option replication_options[] = {
    {"expect",
     PROBE_STRING_AT(struct replication, expect),
     .fallback = "any",
     .choices = expected_roles,
     .help = "what the server should be"},
    {"min_standbys",
     PROBE_INT_AT(struct replication, min_standbys),
     .fallback = "0",
     .max = 1000,
     .help = "how many standbys should stream from it at least"},
    {0},
};

static const char *const roles[] = {"primary", "standby", NULL};

const struct probe_measure replication_measures[] = {
    {"role", "what the server is", .kind = PROBE_WORD, .words = roles},
    {"as_expected", "whether that is what `expect` says", .kind = PROBE_FLAG},
    {"lag_seconds",
     "how far the server is behind its primary, or the slowest standby behind it",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"lag_bytes", "the same, of the log", .kind = PROBE_GAUGE, .optional = true},
    {"connected", "standbys that stream from it", .kind = PROBE_GAUGE},
    {"missing", "standbys that there should be by min_standbys, and are not", .kind = PROBE_GAUGE},
    {"inactive", "slots that nobody reads", .kind = PROBE_GAUGE},
    {"receiving",
     "of a standby: whether it is connected to another server",
     .kind = PROBE_FLAG,
     .optional = true},
    {"paused", "of a standby: whether its replay is paused", .kind = PROBE_FLAG, .optional = true},
    {0},
};

void positions_add(struct positions *positions, int64_t at_ms, int64_t position)
{
    struct position *last = positions->count ? &positions->readings[positions->count - 1] : NULL;

    /* It went back: another server has this address, or this one was restored. */
    if (last && position < last->position) {
        positions->count = 0;
        last = NULL;
    }
    if (last && at_ms - last->at_ms < POSITION_STEP_MS)
        return;
    if (positions->count == POSITION_READINGS) {
        positions->count--;
        memmove(positions->readings,
                positions->readings + 1,
                positions->count * sizeof(*positions->readings));
    }
    positions->readings[positions->count++] = (struct position){at_ms, position};
}

int64_t positions_behind_ms(const struct positions *positions, int64_t at_ms, int64_t position)
{
    for (size_t i = 0; i < positions->count; i++)
        if (positions->readings[i].position > position)
            return at_ms - positions->readings[i].at_ms;
    return 0;
}

/* ---------------------------------------------------------- one finding ---- */

/* How far the log has come, here or as far as the primary has said, and when that was. */
struct reach {
    int64_t now_ms, here;
};

struct lag {
    bool known;
    int64_t bytes;
    double seconds;
    const char *name; /* of the standby that is farthest behind */
};

/* For how long what is `bytes` behind has been behind at least, as the readings say. */
static double stands_seconds(const struct positions *positions, const struct reach *reach,
                             int64_t bytes)
{
    return (double)positions_behind_ms(positions, reach->now_ms, reach->here - bytes) / 1e3;
}

/* The slowest standby: what it says itself, or for how long it has not come on. */
static struct lag lag_of_standbys(const struct positions *positions, const struct reach *reach,
                                  const struct rows *rows)
{
    struct lag worst = {0};

    for (size_t row = 0; row < rows->count; row++) {
        if (!rows_is(rows, row, "part", "standby") || !rows_text(rows, row, "lag_bytes"))
            continue;
        int64_t bytes = rows_int(rows, row, "lag_bytes");
        double seconds = rows_real(rows, row, "lag_seconds");
        double stands = stands_seconds(positions, reach, bytes);
        if (stands > seconds)
            seconds = stands;
        if (!worst.known || seconds > worst.seconds)
            worst.name = rows_text(rows, row, "name");
        worst.known = true;
        if (bytes > worst.bytes)
            worst.bytes = bytes;
        if (seconds > worst.seconds)
            worst.seconds = seconds;
    }
    return worst;
}

/* A standby that has replayed no transaction yet knows no age. */
static struct lag own_lag(const struct positions *positions, const struct reach *reach,
                          const struct rows *rows)
{
    int64_t bytes = rows_int(rows, 0, "lag_bytes");
    bool aged = rows_text(rows, 0, "lag_seconds") != NULL;

    return (struct lag){.known = aged || rows_flag(rows, 0, "receiving"),
                        .bytes = bytes,
                        .seconds = aged ? rows_real(rows, 0, "lag_seconds")
                                        : stands_seconds(positions, reach, bytes)};
}

static void say_primary(char *out, size_t room, const struct rows *rows, const struct lag *lag)
{
    int64_t connected = rows_int(rows, 0, "connected");

    if (lag->known)
        (void)snprintf(out,
                       room,
                       "a primary with %" PRId64 " streaming %s; the slowest, %.64s, is %s and %s "
                       "behind",
                       connected,
                       connected == 1 ? "standby" : "standbys",
                       lag->name ? lag->name : "(none)",
                       age_text(lag->seconds).text,
                       bytes_text(lag->bytes).text);
    else
        (void)snprintf(out, room, "a primary that no standby streams from");
}

static void say_standby(char *out, size_t room, const struct rows *rows, const struct lag *lag)
{
    const char *sender = rows_text(rows, 0, "client");

    (void)snprintf(out,
                   room,
                   "a standby %s%.64s, %s and %s behind%s",
                   rows_flag(rows, 0, "receiving") ? "of " : "without a connection to a primary",
                   !rows_flag(rows, 0, "receiving") ? ""
                   : sender                         ? sender
                                                    : "another server",
                   lag->known ? age_text(lag->seconds).text : "unknown time",
                   bytes_text(lag->bytes).text,
                   rows_flag(rows, 0, "paused") ? "; its replay is paused" : "");
}

static const char *hint_of(const struct rows *rows, bool standby, bool as_expected, int64_t missing,
                           const struct lag *lag)
{
    if (!as_expected)
        return "a failover may have taken place: check who is the primary before anything writes";
    if (standby && rows_flag(rows, 0, "paused"))
        return "SELECT pg_wal_replay_resume()";
    if (standby && !rows_flag(rows, 0, "receiving"))
        return "see the standby's log: primary_conninfo, a dropped slot, or log that the primary "
               "has removed; without a stream the lag is the last transaction's age";
    if (missing > 0)
        return "see the missing standby's log; its slot keeps the log here meanwhile";
    if (lag->seconds > 10)
        return standby ? "long queries here, or the disk, hold up replay"
                       : "see on the standby whether replay is paused, or held up by a query or "
                         "the disk";
    return NULL;
}

static void add_evidence(struct fields *fields, struct evidence *standbys, struct evidence *slots,
                         const struct rows *rows)
{
    static const struct probe_column standby_columns[] = {
        {"name", PROBE_FIELD_TEXT},
        {"client", PROBE_FIELD_TEXT},
        {"state", PROBE_FIELD_TEXT},
        {"sync_state", PROBE_FIELD_TEXT},
        {"lag_bytes", PROBE_FIELD_INT},
        {"lag_seconds", PROBE_FIELD_REAL},
    };
    static const struct probe_column slot_columns[] = {
        {"name", PROBE_FIELD_TEXT},
        {"kind", PROBE_FIELD_TEXT},
        {"active", PROBE_FIELD_BOOL},
        {"retained_bytes", PROBE_FIELD_INT},
        {"wal_status", PROBE_FIELD_TEXT},
    };
    fields_add(fields,
               evidence_of_part(standbys,
                                "standbys",
                                rows,
                                "standby",
                                standby_columns,
                                COUNT(standby_columns),
                                rows_int(rows, 0, "standbys")));
    fields_add(fields,
               evidence_of_part(slots,
                                "slots",
                                rows,
                                "slot",
                                slot_columns,
                                COUNT(slot_columns),
                                rows_int(rows, 0, "slots")));
}

void check_replication(struct probe_run *run, const struct answer *answer)
{
    const struct replication *options = run->config;
    const struct rows *rows = &answer->rows;
    bool standby = rows_flag(rows, 0, "in_recovery");
    const char *role = roles[standby];
    struct positions *positions = run->memory;
    struct reach reach = {(int64_t)probe_now(&run->life), rows_int(rows, 0, "position")};
    bool as_expected = strcmp(options->expect, "any") == 0 || strcmp(options->expect, role) == 0;
    int64_t connected = rows_int(rows, 0, "connected");
    int64_t missing = options->min_standbys > connected ? options->min_standbys - connected : 0;
    struct fields fields = {0};
    struct evidence standbys, slots;
    char summary[320];

    if (evidence_refuse_hidden(run, rows))
        return;
    positions_add(positions, reach.now_ms, reach.here);
    struct lag lag = (standby ? own_lag : lag_of_standbys)(positions, &reach, rows);
    (standby ? say_standby : say_primary)(summary, sizeof(summary), rows, &lag);
    fields_add(&fields, probe_text("role", role));
    fields_add(&fields, probe_bool("as_expected", as_expected));
    fields_add(&fields, probe_int("connected", connected));
    fields_add(&fields, probe_int("missing", missing));
    fields_add(&fields, probe_int("inactive", rows_int(rows, 0, "inactive")));
    if (lag.known) {
        fields_add(&fields, probe_real("lag_seconds", lag.seconds));
        fields_add(&fields, probe_int("lag_bytes", lag.bytes));
    }
    if (standby) {
        fields_add(&fields, probe_bool("receiving", rows_flag(rows, 0, "receiving")));
        fields_add(&fields, probe_bool("paused", rows_flag(rows, 0, "paused")));
    }
    add_evidence(&fields, &standbys, &slots, rows);
    probe_report(run,
                 .summary = summary,
                 .hint = hint_of(rows, standby, as_expected, missing, &lag),
                 .fields = fields.list);
    probe_done(run);
}

void run_replication(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run, &(const struct question){.sql = replication_sql, .then = check_replication});
}
