#include "connections.h"

#include <inttypes.h>
#include <string.h>

#include "common/percent.h"
#include "common/pq/wire.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { MOST_ROWS = 11 };

const struct probe_measure connections_measures[] = {
    {"used", "sessions of clients, ours among them", .kind = PROBE_GAUGE},
    {"usable",
     "max_connections without the reserved ones; of a role, its limit",
     .kind = PROBE_GAUGE},
    {"max", "max_connections; of a role or database, its limit", .kind = PROBE_GAUGE},
    {"used_percent", "of the usable ones", .kind = PROBE_GAUGE},
    {"waiting", "sessions that wait for a lock", .kind = PROBE_GAUGE, .optional = true},
    {0},
};

struct usage {
    int64_t used, max, usable, hidden, waiting;
    double used_percent;
};

static struct usage usage_of(const struct rows *rows)
{
    struct usage usage = {
        .used = rows_int(rows, 0, "sessions"),
        .max = rows_int(rows, 0, "max"),
        .hidden = rows_int(rows, 0, "hidden"),
        .waiting = rows_int(rows, 0, "waiting"),
    };
    usage.usable = usage.max - rows_int(rows, 0, "reserved");
    usage.used_percent = percent_of((double)usage.used, (double)usage.usable);
    return usage;
}

/* The first row is about all; the query orders the others by part and size. */
static bool is_part(const struct rows *rows, size_t row, const char *part)
{
    return rows_is(rows, row, "part", part);
}

/* What a group is called: one without a name holds all that are not among the ten largest. */
static const char *name_of(const struct rows *rows, size_t row)
{
    const char *name = rows_text(rows, row, "name");
    return !name ? "(others)" : *name ? name : "(none)";
}

void connections_say_usage(const struct rows *rows, char *out, size_t room)
{
    enum { NAMED = 3 };
    struct usage usage = usage_of(rows);
    const char *joint = " (";
    size_t len, named = 0;

    (void)snprintf(out,
                   room,
                   "%" PRId64 " of %" PRId64 " usable connections are used",
                   usage.used,
                   usage.usable);
    for (size_t row = 0; row < rows->count && named <= NAMED; row++) {
        if (!is_part(rows, row, "application"))
            continue;
        len = strlen(out);
        if (named++ == NAMED)
            (void)snprintf(out + len, room - len, "%s...", joint);
        else
            (void)snprintf(out + len,
                           room - len,
                           "%s%.40s %" PRId64,
                           joint,
                           name_of(rows, row),
                           rows_int(rows, row, "sessions"));
        joint = ", ";
    }
    len = strlen(out);
    (void)snprintf(out + len, room - len, "%s", named ? ")" : "");
}

/* The groups of one part, as evidence. */
struct groups {
    struct probe_column columns[6];
    const char *cells[MOST_ROWS * 6];
    struct probe_table table;
};

static struct probe_field groups_of(struct groups *groups, const char *key, const char *part,
                                    const struct rows *rows)
{
    static const char *const counts[] = {
        "sessions", "active", "idle", "idle_in_transaction", "waiting"};
    size_t count = 0;

    groups->columns[0] = (struct probe_column){part, PROBE_FIELD_TEXT};
    for (size_t i = 0; i < COUNT(counts); i++)
        groups->columns[i + 1] = (struct probe_column){counts[i], PROBE_FIELD_INT};
    for (size_t row = 0; row < rows->count && count < MOST_ROWS; row++) {
        if (!is_part(rows, row, part))
            continue;
        const char **cells = &groups->cells[count++ * 6];
        cells[0] = name_of(rows, row);
        for (size_t i = 0; i < COUNT(counts); i++)
            cells[i + 1] = rows_text(rows, row, counts[i]);
    }
    groups->table = (struct probe_table){groups->columns, 6, groups->cells, count, (int64_t)count};
    return probe_rows(key, &groups->table);
}

/* A role or a database that has a limit of its own is a subject of its own. */
static void report_limit(struct probe_run *run, const struct rows *rows, size_t row,
                         const char *kind)
{
    int64_t used = rows_int(rows, row, "sessions"), most = rows_int(rows, row, "max");
    char subject[96], summary[160];

    (void)snprintf(subject, sizeof(subject), "%s %s", kind, name_of(rows, row));
    (void)snprintf(summary,
                   sizeof(summary),
                   "%" PRId64 " of %" PRId64 " connections of %s are used",
                   used,
                   most,
                   subject);
    probe_report(
        run,
        .subject = subject,
        .summary = summary,
        .hint = "end leaked sessions, or raise its CONNECTION LIMIT",
        .fields = PROBE_FIELDS(probe_int("used", used),
                               probe_int("usable", most),
                               probe_int("max", most),
                               probe_real("used_percent", percent_of((double)used, (double)most))));
}

static void report_limits(struct probe_run *run, const struct rows *rows)
{
    for (size_t row = 0; row < rows->count; row++) {
        if (is_part(rows, row, "role limit"))
            report_limit(run, rows, row, "role");
        else if (is_part(rows, row, "database limit"))
            report_limit(run, rows, row, "database");
    }
}

void check_connections(struct probe_run *run, const struct answer *answer)
{
    struct groups by_application, by_user, by_database, by_state;
    const struct rows *rows = &answer->rows;
    struct usage usage = usage_of(rows);
    char summary[240], hidden[160];

    if (!is_part(rows, 0, "all") || usage.usable <= 0) {
        probe_fail(run, -EPROTO, "the server does not say how many connections it has");
        return;
    }
    connections_say_usage(rows, summary, sizeof(summary));
    (void)snprintf(hidden,
                   sizeof(hidden),
                   "what %" PRId64 " sessions of other users do is hidden; %s",
                   usage.hidden,
                   run->check->needs);
    probe_report(run,
                 .summary = summary,
                 .hint = usage.hidden ? hidden
                         : usage.used_percent > 50
                             ? "end leaked sessions, those idle for longest first; then "
                               "lower the sum of the pools"
                             : NULL,
                 .fields = PROBE_FIELDS(
                     probe_int("used", usage.used),
                     probe_int("usable", usage.usable),
                     probe_int("max", usage.max),
                     probe_real("used_percent", usage.used_percent),
                     groups_of(&by_application, "by_application", "application", rows),
                     groups_of(&by_user, "by_user", "user", rows),
                     groups_of(&by_database, "by_database", "database", rows),
                     groups_of(&by_state, "by_state", "state", rows),
                     /* The last one: only who may see all sessions can count those that wait. */
                     usage.hidden ? (struct probe_field){0} : probe_int("waiting", usage.waiting)));
    report_limits(run, rows);
    probe_done(run);
}

void run_connections(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run, &(const struct question){.sql = connections_sql, .then = check_connections});
}
