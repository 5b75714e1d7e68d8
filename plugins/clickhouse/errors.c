/*
 * errors - what the server counted in system.errors since the run before, told apart: those that a
 * client caused, which are left out, and those that say that the server is in trouble.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "clickhouse_queries.h"
#include "evidence.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Data, disk, memory, the keeper, the network between servers, and the server's own bugs. */
const char errors_severe[] =
    "[CORRUPTED_DATA, CHECKSUM_DOESNT_MATCH, CANNOT_READ_ALL_DATA, UNEXPECTED_END_OF_FILE, "
    "POTENTIALLY_BROKEN_DATA_PART, TOO_MANY_UNEXPECTED_DATA_PARTS, FILE_DOESNT_EXIST, "
    "NOT_ENOUGH_SPACE, CANNOT_WRITE_TO_FILE_DESCRIPTOR, CANNOT_ALLOCATE_MEMORY, "
    "MEMORY_LIMIT_EXCEEDED, TOO_MANY_PARTS, TOO_MANY_SIMULTANEOUS_QUERIES, TABLE_IS_READ_ONLY, "
    "NO_ZOOKEEPER, KEEPER_EXCEPTION, NO_ACTIVE_REPLICAS, TOO_FEW_LIVE_REPLICAS, "
    "UNKNOWN_STATUS_OF_INSERT, ALL_CONNECTION_TRIES_FAILED, ALL_REPLICAS_LOST, S3_ERROR, "
    "LOGICAL_ERROR]";

const char errors_ignore[] =
    "[SYNTAX_ERROR, UNKNOWN_TABLE, UNKNOWN_IDENTIFIER, UNKNOWN_DATABASE, UNKNOWN_FUNCTION, "
    "UNKNOWN_SETTING, AUTHENTICATION_FAILED, REQUIRED_PASSWORD, UNKNOWN_USER, ACCESS_DENIED, "
    "READONLY, ILLEGAL_TYPE_OF_ARGUMENT, NUMBER_OF_ARGUMENTS_DOESNT_MATCH, TYPE_MISMATCH, "
    "DEPRECATED_FUNCTION, DICTIONARIES_WAS_NOT_LOADED, FUNCTION_NOT_ALLOWED, "
    "UNKNOWN_ACCESS_TYPE]";

static bool among(const char *const *words, const char *word)
{
    for (; words && *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

static int64_t value_before(const struct errors_memory *memory, int code)
{
    for (size_t i = 0; i < memory->count; i++)
        if (memory->seen[i].code == code)
            return memory->seen[i].value;
    return 0;
}

/* Those that came since the run before, for people; a counter that went down was reset. */
struct recent {
    const char *cells[EVIDENCE_ROWS * 6];
    char texts[EVIDENCE_ROWS][EVIDENCE_TEXT], deltas[EVIDENCE_ROWS][24];
    size_t count;
};

static void add_recent(struct recent *recent, const struct rows *rows, size_t row, int64_t delta,
                       bool severe)
{
    if (recent->count == EVIDENCE_ROWS)
        return;
    const char **cells = &recent->cells[6 * recent->count];
    char *delta_text = recent->deltas[recent->count];
    (void)snprintf(delta_text, sizeof(recent->deltas[0]), "%" PRId64, delta);
    trouble_hide(
        recent->texts[recent->count], sizeof(recent->texts[0]), rows_said(rows, row, "message"));
    cells[0] = rows_said(rows, row, "name");
    cells[1] = severe ? "true" : "false";
    cells[2] = delta_text;
    cells[3] = rows_text(rows, row, "value");
    cells[4] = rows_text(rows, row, "last_ms");
    cells[5] = recent->texts[recent->count++];
}

/* What there is of all, and of the severe ones; what is new of them. */
struct tally {
    int64_t all, severe, fresh, fresh_severe;
};

static void count_errors(struct probe_run *run, const struct rows *rows, struct tally *tally,
                         struct recent *recent)
{
    const struct errors_config *config = run->config;
    const struct errors_memory *memory = run->memory;

    for (size_t row = 0; row < rows->count; row++) {
        const char *name = rows_said(rows, row, "name");
        int64_t value = rows_int(rows, row, "value");
        int64_t before = value_before(memory, (int)rows_int(rows, row, "code"));
        if (among(config->ignore, name))
            continue;
        bool severe = among(config->severe, name);
        int64_t delta = value < before ? value : value - before;
        tally->all += value;
        tally->severe += severe ? value : 0;
        if (!memory->known || delta == 0)
            continue;
        tally->fresh += delta;
        tally->fresh_severe += severe ? delta : 0;
        add_recent(recent, rows, row, delta, severe);
    }
}

static void keep(struct errors_memory *memory, const struct rows *rows)
{
    memory->count = 0;
    memory->known = true;
    for (size_t row = 0; row < rows->count && memory->count < ERRORS_MOST; row++) {
        memory->seen[memory->count].code = (int)rows_int(rows, row, "code");
        memory->seen[memory->count++].value = rows_int(rows, row, "value");
    }
}

static void on_errors(struct probe_run *run, const struct answer *answer)
{
    static const struct probe_column columns[] = {
        {"name", PROBE_FIELD_TEXT},
        {"severe", PROBE_FIELD_BOOL},
        {"since_last", PROBE_FIELD_INT},
        {"count", PROBE_FIELD_INT},
        {"last", PROBE_FIELD_TIME},
        {"message", PROBE_FIELD_TEXT},
    };
    struct errors_memory *memory = run->memory;
    struct recent recent = {.count = 0};
    struct tally tally = {0};
    bool known = memory->known;
    char summary[200];

    count_errors(run, &answer->rows, &tally, &recent);
    keep(memory, &answer->rows);
    if (!known)
        (void)snprintf(
            summary, sizeof(summary), "%" PRId64 " errors since the server began", tally.all);
    else if (tally.fresh == 0)
        (void)snprintf(summary, sizeof(summary), "no errors since the last look");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " errors since the last look, %" PRId64 " of them severe",
                       tally.fresh,
                       tally.fresh_severe);
    const struct probe_table table = {
        columns, COUNT(columns), recent.cells, recent.count, (int64_t)recent.count};
    probe_report(run,
                 .summary = evidence_line(summary),
                 .hint =
                     tally.fresh_severe ? "see their messages below, and the server's log" : NULL,
                 .fields = PROBE_FIELDS(probe_int("errors", tally.all),
                                        probe_int("severe", tally.severe),
                                        probe_rows("recent", &table)));
    probe_done(run);
}

void errors_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run, &(const struct question){.sql = errors_sql, .then = on_errors});
}
