#include "wal.h"

#include <inttypes.h>
#include <string.h>

#include "common/age.h"
#include "common/bytes.h"
#include "common/percent.h"
#include "common/pq/wire.h"
#include "evidence.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ------------------------------------------------------------------ wal ---- */

const struct probe_measure wal_measures[] = {
    {"failing", "whether archiving is on, and failed when it was last tried", .kind = PROBE_FLAG},
    {"failed", "failures to archive, since the statistics were reset", .kind = PROBE_COUNTER},
    {"ready", "segments that wait to be archived", .kind = PROBE_GAUGE},
    {"wal_bytes", "that the log takes on disk", .kind = PROBE_GAUGE},
    {"retained_bytes", "that the slot which is farthest behind keeps", .kind = PROBE_GAUGE},
    {"lost", "slots whose log is gone, or may be at the next checkpoint", .kind = PROBE_GAUGE},
    {0},
};

static void say_wal(char *out, size_t room, const struct rows *rows)
{
    const char *slot = rows_text(rows, 0, "name");
    const char *segment = rows_text(rows, 0, "last_failed_wal");
    size_t len;

    if (rows_flag(rows, 0, "failing"))
        (void)snprintf(out,
                       room,
                       "archiving fails at segment %.64s, %" PRId64 " wait",
                       segment ? segment : "(unknown)",
                       rows_int(rows, 0, "ready"));
    else
        (void)snprintf(out,
                       room,
                       "%s, the log takes %s",
                       rows_flag(rows, 0, "archiving") ? "archiving works" : "nothing is archived",
                       bytes_text(rows_int(rows, 0, "wal_bytes")).text);
    len = strlen(out);
    if (slot)
        (void)snprintf(out + len,
                       room - len,
                       "; slot %.64s%s keeps %s",
                       slot,
                       rows_flag(rows, 0, "active") ? "" : ", which nobody reads,",
                       bytes_text(rows_int(rows, 0, "retained_bytes")).text);
}

static const char *hint_of_wal(const struct rows *rows)
{
    if (rows_flag(rows, 0, "failing"))
        return "the server's log says what archive_command answered; until it succeeds the log "
               "grows, until the disk is full";
    if (rows_int(rows, 0, "lost") > 0)
        return "its reader must be set up anew; max_slot_wal_keep_size is what took the log away";
    if (rows_int(rows, 0, "most_retained_bytes") > 0 && !rows_flag(rows, 0, "active"))
        return "start its reader, or if there is none any more SELECT "
               "pg_drop_replication_slot('name')";
    return NULL;
}

void check_wal(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"name", PROBE_FIELD_TEXT},
        {"kind", PROBE_FIELD_TEXT},
        {"database", PROBE_FIELD_TEXT},
        {"active", PROBE_FIELD_BOOL},
        {"retained_bytes", PROBE_FIELD_INT},
        {"wal_status", PROBE_FIELD_TEXT},
        {"safe_bytes", PROBE_FIELD_INT},
        {"inactive_seconds", PROBE_FIELD_INT},
    };
    const struct rows *rows = &answer->rows;
    struct fields fields = {0};
    struct evidence slots;
    char summary[320];

    if (rows->count == 0) {
        probe_fail(run, -EPROTO, "the server does not say how archiving goes");
        return;
    }
    say_wal(summary, sizeof(summary), rows);
    fields_add(&fields, probe_bool("failing", rows_flag(rows, 0, "failing")));
    fields_add(&fields, probe_int("failed", rows_int(rows, 0, "failed")));
    fields_add(&fields, probe_int("ready", rows_int(rows, 0, "ready")));
    fields_add(&fields, probe_int("wal_bytes", rows_int(rows, 0, "wal_bytes")));
    fields_add(&fields, probe_int("retained_bytes", rows_int(rows, 0, "most_retained_bytes")));
    fields_add(&fields, probe_int("lost", rows_int(rows, 0, "lost")));
    fields_add(&fields, probe_bool("archiving", rows_flag(rows, 0, "archiving")));
    fields_add_time(&fields, "last_archived", rows, 0);
    fields_add_time(&fields, "last_failed", rows, 0);
    fields_add(
        &fields,
        evidence_of(&slots, "slots", rows, columns, COUNT(columns), rows_int(rows, 0, "slots")));
    probe_report(run, .summary = summary, .hint = hint_of_wal(rows), .fields = fields.list);
    probe_done(run);
}

void run_wal(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run, &(const struct question){.sql = wal_sql, .then = check_wal});
}

/* ---------------------------------------------------------- checkpoints ---- */

const struct probe_option checkpoints_options[] = {
    {"window",
     PROBE_DURATION_AT(struct checkpoints, window),
     .fallback = "1h",
     .min = 1000,
     .max = INT64_C(7) * 86400 * 1000,
     .help = "how far back checkpoints are counted"},
    {0},
};

#define SOMETIMES .kind = PROBE_GAUGE, .optional = true
const struct probe_measure checkpoints_measures[] = {
    {"timed", "because it was time, in the window", SOMETIMES},
    {"requested", "because the log was full, or somebody asked, in the window", SOMETIMES},
    {"requested_percent", "of all", SOMETIMES},
    {"write_ms", "that they wrote in the window", SOMETIMES},
    {"sync_ms", "that they waited for the disk in the window", SOMETIMES},
    {"backend_percent",
     "of the pages written in the window, those that sessions had to write themselves",
     SOMETIMES},
    {"window_seconds", "how long the window is; absent after the first look", SOMETIMES},
    {0},
};

/* The order of a reading's values. */
enum value { TIMED, REQUESTED, WRITE_MS, SYNC_MS, BUFFERS, BUFFERS_BACKEND };
static const char *const columns_of_value[] = {
    [TIMED] = "timed",
    [REQUESTED] = "requested",
    [WRITE_MS] = "write_ms",
    [SYNC_MS] = "sync_ms",
    [BUFFERS] = "buffers",
    [BUFFERS_BACKEND] = "buffers_backend",
};

static void add_window(struct fields *fields, const struct window *window)
{
    int64_t timed = window_grown(window, TIMED), requested = window_grown(window, REQUESTED);
    int64_t backend = window_grown(window, BUFFERS_BACKEND);

    fields_add(fields, probe_int("timed", timed));
    fields_add(fields, probe_int("requested", requested));
    fields_add(fields,
               probe_real("requested_percent",
                          percent_of((double)requested, (double)(timed + requested))));
    fields_add(fields, probe_int("write_ms", window_grown(window, WRITE_MS)));
    fields_add(fields, probe_int("sync_ms", window_grown(window, SYNC_MS)));
    fields_add(
        fields,
        probe_real("backend_percent",
                   percent_of((double)backend, (double)(backend + window_grown(window, BUFFERS)))));
    fields_add(fields, probe_real("window_seconds", (double)window_ms(window) / 1e3));
}

void check_checkpoints(struct probe_run *run, const struct answer *answer)
{
    const struct checkpoints *options = run->config;
    const struct rows *rows = &answer->rows;
    struct window *window = run->memory;
    struct window_reading reading = {.at_ms = (int64_t)probe_now(&run->life)};
    struct fields fields = {0};
    char summary[240];

    if (evidence_refuse_standby(run, rows, "checkpoints"))
        return;
    for (size_t i = 0; i < COUNT(columns_of_value); i++)
        reading.values[i] = rows_int(rows, 0, columns_of_value[i]);
    window_add(window, options->window, &reading);
    (void)snprintf(summary, sizeof(summary), "looked at for the first time, they are counted");
    if (window_known(window)) {
        (void)snprintf(summary,
                       sizeof(summary),
                       "checkpoints in %s: %" PRId64 " timed, %" PRId64 " requested",
                       age_text((double)window_ms(window) / 1e3).text,
                       window_grown(window, TIMED),
                       window_grown(window, REQUESTED));
        add_window(&fields, window);
    }
    fields_add(&fields, probe_text("max_wal_size", rows_text(rows, 0, "max_wal_size")));
    fields_add(&fields, probe_text("checkpoint_timeout", rows_text(rows, 0, "checkpoint_timeout")));
    probe_report(run,
                 .summary = summary,
                 .hint = window_grown(window, REQUESTED) > window_grown(window, TIMED)
                             ? "writes fill max_wal_size before it is time: raise it"
                             : NULL,
                 .fields = fields.list);
    probe_done(run);
}

/* From 17 on the columns are elsewhere. */
static void on_checkpoints(struct probe_run *run, const struct answer *answer)
{
    if (rows_text(&answer->rows, 0, "timed"))
        check_checkpoints(run, answer);
    else
        wire_ask(run, &(const struct question){.sql = checkpointer_sql, .then = check_checkpoints});
}

void run_checkpoints(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run, &(const struct question){.sql = checkpoints_sql, .then = on_checkpoints});
}
