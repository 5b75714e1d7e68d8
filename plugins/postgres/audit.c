#include "audit.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/age.h"
#include "common/sql.h"
#include "evidence.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { MOST_NAMES = 500 };

const struct probe_option audit_activity_options[] = {
    {"table",
     PROBE_STRING_AT(struct audit_activity, table),
     .help = "the audit log: audit_logs, audit.events"},
    {"columns",
     PROBE_PAIRS_AT(struct audit_activity, columns),
     .help = "its columns: at (when; best with an index), and any of ip, actor, action, resource"},
    {"where",
     PROBE_STRING_AT(struct audit_activity, where),
     .fallback = "",
     .help = "which rows count, as an SQL condition: action LIKE 'read%'"},
    {"window",
     PROBE_DURATION_AT(struct audit_activity, window),
     .fallback = "2h",
     .min = 1000,
     .max = INT64_C(366) * 86400 * 1000,
     .help = "how long what is counted may be ago"},
    {"baseline",
     PROBE_DURATION_AT(struct audit_activity, baseline),
     .fallback = "24h",
     .max = INT64_C(366) * 86400 * 1000,
     .help = "how long before the window to look for what is usual; 0s: do not"},
    {"per_ip",
     PROBE_INT_AT(struct audit_activity, per_ip),
     .fallback = "100",
     .max = INT64_MAX,
     .help = "an address with more rows in the window is suspicious; 0: none is"},
    {"per_actor",
     PROBE_INT_AT(struct audit_activity, per_actor),
     .fallback = "0",
     .max = INT64_MAX,
     .help = "the same for an actor"},
    {"factor",
     PROBE_REAL_AT(struct audit_activity, factor),
     .fallback = "5",
     .max = 1000000,
     .help = "but only with more than so many times what is usual for it"},
    {"allow_ips",
     PROBE_LIST_AT(struct audit_activity, allow_ips),
     .fallback = "",
     .help = "addresses and networks that are never suspicious: 10.0.0.0/8"},
    {"allow_actors",
     PROBE_LIST_AT(struct audit_activity, allow_actors),
     .fallback = "",
     .help = "the same for actors"},
    {"sample",
     PROBE_INT_AT(struct audit_activity, sample),
     .fallback = "0",
     .max = EVIDENCE_ROWS,
     .help = "how many of the busiest are named as evidence, of addresses, actors, actions, "
             "resources"},
    {"timezone",
     PROBE_STRING_AT(struct audit_activity, timezone),
     .fallback = "UTC",
     .help = "of times without a time zone"},
    {"row_security",
     PROBE_BOOL_AT(struct audit_activity, row_security),
     .fallback = "false",
     .help = "true: be content with the rows that policies show to this role"},
    {0},
};

const struct probe_measure audit_activity_measures[] = {
    {"total", "rows of the window", .kind = PROBE_GAUGE},
    {"usual", "rows in as much time before it, on average", .kind = PROBE_GAUGE, .optional = true},
    {"usual_ratio", "total to usual", .kind = PROBE_GAUGE, .optional = true},
    {"suspicious_ips", "addresses that do too much, without those allowed", .kind = PROBE_GAUGE},
    {"suspicious_actors", "the same for actors", .kind = PROBE_GAUGE},
    {0},
};

/* ------------------------------------------------------------ addresses ---- */

/* Four or sixteen bytes; an IPv4 address in IPv6's clothes is one of IPv4.  Zero: no address. */
static size_t bytes_of(const char *text, size_t len, unsigned char out[16])
{
    char copy[INET6_ADDRSTRLEN];

    if (len >= sizeof(copy))
        return 0;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (inet_pton(AF_INET, copy, out) == 1)
        return 4;
    if (strncasecmp(copy, "::ffff:", 7) == 0 && inet_pton(AF_INET, copy + 7, out) == 1)
        return 4;
    return inet_pton(AF_INET6, copy, out) == 1 ? 16 : 0;
}

/* A network's bytes, and how many bits of them count; zero bytes: it is none. */
static size_t network_of(const char *text, unsigned char out[16], unsigned *ret_bits)
{
    const char *slash = strchr(text, '/');
    size_t size = bytes_of(text, slash ? (size_t)(slash - text) : strlen(text), out);
    char *end;
    unsigned long bits = slash ? strtoul(slash + 1, &end, 10) : 8 * size;

    if (slash && (slash[1] < '0' || slash[1] > '9' || *end))
        return 0;
    *ret_bits = (unsigned)bits;
    return bits <= 8 * size ? size : 0;
}

bool audit_lies_in(const char *address, const char *network)
{
    unsigned char one[16], other[16];
    unsigned bits;
    size_t size = network_of(network, other, &bits);

    /* inet shows itself with a mask: 10.0.0.1/32. */
    if (size == 0 || bytes_of(address, strcspn(address, "/"), one) != size)
        return false;
    if (memcmp(one, other, bits / 8) != 0)
        return false;
    return bits % 8 == 0 || (one[bits / 8] ^ other[bits / 8]) >> (8 - bits % 8) == 0;
}

/* ------------------------------------------------------------ preparing ---- */

static const char *const parts[] = {"ip", "actor", "action", "resource"};

static const char *column_of(const struct probe_pair *columns, const char *name)
{
    for (; columns && columns->name; columns++)
        if (strcmp(columns->name, name) == 0)
            return columns->value;
    return NULL;
}

static bool is_part(const char *name)
{
    for (size_t i = 0; i < COUNT(parts); i++)
        if (strcmp(parts[i], name) == 0)
            return true;
    return strcmp(name, "at") == 0;
}

static int refuse_columns(const struct audit_activity *options, struct probe_error *error)
{
    char name[OPERATOR_NAME_ROOM];
    unsigned char bytes[16];
    unsigned bits;

    for (const struct probe_pair *pair = options->columns; pair && pair->name; pair++)
        if (!is_part(pair->name) || !pair->value || !sql_name(name, sizeof(name), pair->value))
            return probe_refuse(
                error, "columns", "knows at, ip, actor, action, resource, each a column's name");
    if (!column_of(options->columns, "at"))
        return probe_refuse(error, "columns", "needs `at`, the column that says when");
    if (options->per_actor > 0 && !column_of(options->columns, "actor"))
        return probe_refuse(error, "per_actor", "needs `actor` among the columns");
    for (size_t i = 0; options->allow_ips && options->allow_ips[i]; i++)
        if (network_of(options->allow_ips[i], bytes, &bits) == 0)
            return probe_refuse(error,
                                "allow_ips",
                                "%s is neither an address nor a network",
                                options->allow_ips[i]);
    return 0;
}

/* A part's column, quoted; null: it has none. */
static const char *quoted(char out[OPERATOR_NAME_ROOM], const struct audit_activity *options,
                          const char *part)
{
    const char *column = column_of(options->columns, part);
    return column && sql_name(out, OPERATOR_NAME_ROOM, column) ? out : "null";
}

static int put_question(struct audit_memory *own, const struct audit_activity *options,
                        const char *table, struct probe_error *error)
{
    char names[5][OPERATOR_NAME_ROOM];
    struct sql_place places[] = {{"at", quoted(names[0], options, "at")},
                                 {"ip", quoted(names[1], options, "ip")},
                                 {"actor", quoted(names[2], options, "actor")},
                                 {"action", quoted(names[3], options, "action")},
                                 {"resource", quoted(names[4], options, "resource")},
                                 {"table", table},
                                 {"where", NULL},
                                 {0}};

    return operator_put_question(own->sql, audit_activity_sql, places, options->where, error);
}

int prepare_audit_activity(const void *config, void *memory, struct probe_error *error)
{
    const struct audit_activity *options = config;
    struct audit_memory *own = memory;
    char table[OPERATOR_NAME_ROOM];
    int status = refuse_columns(options, error);

    if (status < 0)
        return status;
    if (!sql_name(table, sizeof(table), options->table))
        return probe_refuse(error, "table", "is no name of a table");
    (void)snprintf(own->window, sizeof(own->window), "%.3f", (double)options->window / 1e3);
    (void)snprintf(own->baseline, sizeof(own->baseline), "%.3f", (double)options->baseline / 1e3);
    status = operator_put_settings(own->set, options->timezone, options->row_security, error);
    return status < 0 ? status : put_question(own, options, table, error);
}

/* ------------------------------------------------------------ reporting ---- */

static bool is_of(const struct rows *rows, size_t row, const char *part)
{
    const char *text = rows_text(rows, row, "part");
    return text && strcmp(text, part) == 0;
}

/* What there was in as much time as the window has, before it. */
static double usual_of(const struct audit_activity *options, const struct rows *rows, size_t row)
{
    double before = rows_real(rows, row, "before");
    return options->baseline > 0 ? before * (double)options->window / (double)options->baseline : 0;
}

static bool is_allowed(const struct audit_activity *options, const char *part, const char *name)
{
    bool address = strcmp(part, "ip") == 0;
    const char *const *allowed = address ? options->allow_ips : options->allow_actors;

    for (; allowed && *allowed; allowed++)
        if (address ? audit_lies_in(name, *allowed) : strcmp(name, *allowed) == 0)
            return true;
    return false;
}

static bool is_suspicious(const struct audit_activity *options, const struct rows *rows, size_t row,
                          const char *part)
{
    int64_t most = strcmp(part, "ip") == 0      ? options->per_ip
                   : strcmp(part, "actor") == 0 ? options->per_actor
                                                : 0;
    int64_t recent = rows_int(rows, row, "recent");

    return most > 0 && recent > most &&
           (double)recent > options->factor * usual_of(options, rows, row) &&
           !is_allowed(options, part, rows_text(rows, row, "name"));
}

static int64_t count_suspicious(const struct audit_activity *options, const struct rows *rows,
                                const char *part)
{
    int64_t count = 0;

    for (size_t row = 0; row < rows->count; row++)
        count += is_of(rows, row, part) && is_suspicious(options, rows, row, part);
    return count;
}

/* The busiest of one part, as evidence. */
struct busiest {
    const char *cells[EVIDENCE_ROWS * 5];
    char usual[EVIDENCE_ROWS][24];
    struct probe_column columns[5];
    struct probe_table table;
};

static struct probe_field busiest_of(struct busiest *busiest, const char *key, const char *part,
                                     const struct audit_activity *options, const struct rows *rows)
{
    static const struct probe_column columns[] = {{"name", PROBE_FIELD_TEXT},
                                                  {"count", PROBE_FIELD_INT},
                                                  {"usual", PROBE_FIELD_REAL},
                                                  {"actions", PROBE_FIELD_INT},
                                                  {"suspicious", PROBE_FIELD_BOOL}};
    size_t count = 0;
    int64_t total = 0;

    memcpy(busiest->columns, columns, sizeof(columns));
    busiest->columns[0].name = part;
    for (size_t row = 0; row < rows->count; row++) {
        if (!is_of(rows, row, part) || total++ >= options->sample)
            continue;
        const char **cells = &busiest->cells[count * COUNT(columns)];
        char *usual = busiest->usual[count++];
        (void)snprintf(usual, sizeof(*busiest->usual), "%.1f", usual_of(options, rows, row));
        cells[0] = rows_text(rows, row, "name");
        cells[1] = rows_text(rows, row, "recent");
        cells[2] = usual;
        cells[3] = rows_text(rows, row, "actions");
        cells[4] = is_suspicious(options, rows, row, part) ? "t" : "f";
    }
    busiest->table =
        (struct probe_table){busiest->columns, COUNT(columns), busiest->cells, count, total};
    return count ? probe_rows(key, &busiest->table) : (struct probe_field){0};
}

void check_audit_activity(struct probe_run *run, const struct answer *answer)
{
    static const char *const keys[] = {"top_ips", "top_actors", "top_actions", "top_resources"};
    const struct audit_activity *options = run->config;
    const struct rows *rows = &answer->rows;
    struct busiest busiest[COUNT(parts)];
    struct probe_field fields[6 + COUNT(parts)] = {0};
    int64_t ips = count_suspicious(options, rows, "ip");
    int64_t actors = count_suspicious(options, rows, "actor");
    char summary[240];
    size_t all = 0, count = 0;

    while (all < rows->count && !is_of(rows, all, "all"))
        all++;
    if (all == rows->count) {
        local_end(run,
                  .how = PROBE_FAILED,
                  .status = -EPROTO,
                  .reason = "other",
                  .summary = "the server does not say how many rows there are");
        return;
    }
    int64_t total = rows_int(rows, all, "recent");
    double usual = usual_of(options, rows, all);
    fields[count++] = probe_int("total", total);
    fields[count++] = probe_int("suspicious_ips", ips);
    fields[count++] = probe_int("suspicious_actors", actors);
    if (usual > 0) {
        fields[count++] = probe_real("usual", usual);
        fields[count++] = probe_real("usual_ratio", (double)total / usual);
    }
    for (size_t i = 0; i < COUNT(parts) && options->sample > 0; i++) {
        fields[count] = busiest_of(&busiest[i], keys[i], parts[i], options, rows);
        count += fields[count].key != NULL;
    }
    (void)snprintf(summary,
                   sizeof(summary),
                   "%" PRId64 " rows of %.60s in %s, %.0f are usual; %" PRId64
                   " addresses and %" PRId64 " actors are suspicious",
                   total,
                   options->table,
                   age_text((double)options->window / 1e3).text,
                   usual,
                   ips,
                   actors);
    local_report(run,
                 .summary = summary,
                 .hint = ips + actors == 0      ? NULL
                         : options->sample == 0 ? "`sample: 20` names them; one that may do so "
                                                  "belongs into allow_ips or allow_actors"
                                                : "save the audit log first; one that may do so "
                                                  "belongs into allow_ips or allow_actors",
                 .fields = fields);
    local_done(run);
}

static void ask_audit_activity(struct probe_run *run)
{
    const struct audit_memory *own = run->memory;

    operator_ask(run,
                 &(const struct question){.sql = own->sql,
                                          .params = {own->window, own->baseline},
                                          .param_count = 2,
                                          .set = own->set,
                                          .then = check_audit_activity});
}

void run_audit_activity(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    local_start(run, ask_audit_activity);
}
