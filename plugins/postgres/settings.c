#include "settings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/pq/wire.h"
#include "evidence.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* What is remembered has several keys, since one holds 4 KiB: about 700 settings at most. */
enum { PIECES = 6, PIECE = 4000, MOST_CHANGES = EVIDENCE_ROWS, NAME_ROOM = 64 };

const struct probe_option config_drift_options[] = {
    {"hold",
     PROBE_DURATION_AT(struct config_drift, hold),
     .fallback = "1h",
     .max = INT64_C(366) * 86400 * 1000,
     .help = "how long a changed setting is told; then it is taken for right"},
    {0},
};

const struct probe_measure config_drift_measures[] = {
    {"pending", "settings whose new value waits for a restart", .kind = PROBE_GAUGE},
    {"changed", "settings that are not as they were, for as long as hold", .kind = PROBE_GAUGE},
    {0},
};

/* ---------------------------------------------- "name=fingerprint name=..." ---- */

/* What is set, other than built in.  What waits for a restart is not yet. */
static char *print_of(const struct rows *rows)
{
    char *print = malloc(PIECES * PIECE + 1);
    size_t len = 0;

    if (!print)
        abort();
    *print = '\0';
    for (size_t row = 0; row < rows->count; row++) {
        char word[NAME_ROOM + 16];
        if (!rows_text(rows, row, "name") || !rows_text(rows, row, "fingerprint"))
            continue;
        int size = snprintf(word,
                            sizeof(word),
                            "%.*s=%.8s ",
                            NAME_ROOM - 1,
                            rows_text(rows, row, "name"),
                            rows_text(rows, row, "fingerprint"));
        if (size < 0 || len + (size_t)size > PIECES * PIECE)
            break;
        memcpy(print + len, word, (size_t)size + 1);
        len += (size_t)size;
    }
    return print;
}

static const char *piece_key(size_t piece, char out[16])
{
    (void)snprintf(out, 16, "settings_%zu", piece);
    return out;
}

/* What was remembered; "" where nothing was. */
static char *recall_print(struct probe_run *run)
{
    char *print = malloc(PIECES * PIECE + 1), key[16];
    size_t len = 0;

    if (!print)
        abort();
    for (size_t i = 0; i < PIECES; i++) {
        const char *piece = probe_recall(&run->life, piece_key(i, key));
        size_t size = piece ? strnlen(piece, PIECE) : 0;
        memcpy(print + len, piece ? piece : "", size);
        len += size;
    }
    print[len] = '\0';
    return print;
}

static void remember_print(struct probe_run *run, const char *print)
{
    char key[16], piece[PIECE + 1];

    for (size_t i = 0; i < PIECES; i++) {
        size_t len = strnlen(print, PIECE);
        memcpy(piece, print, len);
        piece[len] = '\0';
        probe_remember(&run->life, piece_key(i, key), len ? piece : NULL);
        print += len;
    }
}

/* The word of a print that is about this setting, up to its space; NULL: there is none. */
static const char *word_about(const char *print, const char *word)
{
    size_t name = strcspn(word, "=") + 1;
    for (const char *at = print; *at; at += strcspn(at, " ") + 1)
        if (strncmp(at, word, name) == 0)
            return at;
    return NULL;
}

static bool same_word(const char *one, const char *other)
{
    size_t len = strcspn(one, " ");
    return len == strcspn(other, " ") && strncmp(one, other, len) == 0;
}

/* --------------------------------------------------------------- changes ---- */

struct changes {
    int64_t count;
    char names[MOST_CHANGES][NAME_ROOM];
    const char *cells[MOST_CHANGES * 4];
    struct probe_table table;
};

static size_t row_of(const struct rows *rows, const char *name)
{
    size_t row = 0;
    while (row < rows->count && !rows_is(rows, row, "name", name))
        row++;
    return row;
}

static void add_change(struct changes *changes, const struct rows *rows, const char *word,
                       const char *what)
{
    size_t at = (size_t)changes->count++;

    if (at >= MOST_CHANGES)
        return;
    (void)snprintf(changes->names[at], NAME_ROOM, "%.*s", (int)strcspn(word, "="), word);
    size_t row = row_of(rows, changes->names[at]);
    const char **cells = &changes->cells[at * 4];
    cells[0] = changes->names[at];
    cells[1] = what;
    cells[2] = rows_text(rows, row, "setting");
    cells[3] = rows_text(rows, row, "source");
}

/* What is in one print and not in the other. */
static void find_changes(struct changes *changes, const struct rows *rows, const char *before,
                         const char *now)
{
    for (const char *at = now; *at; at += strcspn(at, " ") + 1) {
        const char *was = word_about(before, at);
        if (!was || !same_word(was, at))
            add_change(changes, rows, at, was ? "changed" : "set");
    }
    for (const char *at = before; *at; at += strcspn(at, " ") + 1)
        if (!word_about(now, at))
            add_change(changes, rows, at, "reset");
}

static struct probe_field changes_of(struct changes *changes)
{
    static const struct probe_column columns[] = {
        {"name", PROBE_FIELD_TEXT},
        {"change", PROBE_FIELD_TEXT},
        {"setting", PROBE_FIELD_TEXT},
        {"source", PROBE_FIELD_TEXT},
    };
    size_t count = changes->count < MOST_CHANGES ? (size_t)changes->count : MOST_CHANGES;
    changes->table =
        (struct probe_table){columns, COUNT(columns), changes->cells, count, changes->count};
    return probe_rows("changes", &changes->table);
}

/* ------------------------------------------------------------- the check ---- */

/* FNV-1a: only to tell whether these changes are those that were told before. */
static const char *hash_of(const char *print, char out[24])
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *print; print++)
        hash = (hash ^ (unsigned char)*print) * UINT64_C(1099511628211);
    (void)snprintf(out, 24, "%016" PRIx64, hash);
    return out;
}

/* Since when the settings are as they are now, in milliseconds since 1970. */
static int64_t changed_at(struct probe_run *run, const char *print)
{
    char hash[24], text[24];
    const char *seen = probe_recall(&run->life, "seen"), *at;

    hash_of(print, hash);
    if (seen && strcmp(seen, hash) == 0 && (at = probe_recall(&run->life, "changed_at")))
        return strtoll(at, NULL, 10);
    (void)snprintf(text, sizeof(text), "%" PRId64, probe_wall(&run->life));
    probe_remember(&run->life, "seen", hash);
    probe_remember(&run->life, "changed_at", text);
    return probe_wall(&run->life);
}

/* Compares with what is remembered, and takes over what has been told for long enough. */
static int64_t compare(struct probe_run *run, struct changes *changes, const struct rows *rows)
{
    const struct config_drift *options = run->config;
    char *now = print_of(rows), *before = recall_print(run);
    int64_t since = 0;

    if (*before)
        find_changes(changes, rows, before, now);
    if (changes->count > 0) {
        since = changed_at(run, now);
        if (probe_wall(&run->life) - since >= options->hold)
            *changes = (struct changes){0};
    }
    if (changes->count == 0 && strcmp(now, before) != 0)
        remember_print(run, now);
    free(now);
    free(before);
    return since;
}

static void say_drift(char *out, size_t room, int64_t pending, const struct changes *changes)
{
    if (!pending && !changes->count)
        (void)snprintf(out, room, "the settings are as they were, and none waits for a restart");
    else
        (void)snprintf(out,
                       room,
                       "settings that wait for a restart: %" PRId64 "; that have changed: %" PRId64
                       "%s%s%s",
                       pending,
                       changes->count,
                       changes->count ? ", " : "",
                       changes->count ? changes->names[0] : "",
                       changes->count > 1 ? " and others" : "");
}

static struct probe_field pending_of(struct evidence *evidence, const struct rows *rows,
                                     int64_t pending)
{
    static const struct probe_column columns[] = {
        {"waits", PROBE_FIELD_TEXT}, {"setting", PROBE_FIELD_TEXT}, {"source", PROBE_FIELD_TEXT}};
    return evidence_of(evidence, "waiting", rows, columns, COUNT(columns), pending);
}

void check_config_drift(struct probe_run *run, const struct answer *answer)
{
    const struct rows *rows = &answer->rows;
    struct changes changes = {0};
    struct evidence waiting;
    int64_t pending = rows_int(rows, 0, "pending");
    struct fields fields = {0};
    char summary[240];

    if (!rows_flag(rows, 0, "all_seen")) {
        probe_end(run,
                  .how = PROBE_DENIED,
                  .status = -EACCES,
                  .reason = "denied",
                  .summary = "some settings are hidden from this role",
                  .hint = run->check->needs);
        return;
    }
    int64_t since = compare(run, &changes, rows);
    say_drift(summary, sizeof(summary), pending, &changes);
    fields_add(&fields, probe_int("pending", pending));
    fields_add(&fields, probe_int("changed", changes.count));
    if (changes.count > 0)
        fields_add(&fields, probe_time("changed_at", since));
    fields_add_time(&fields, "loaded", rows, 0);
    fields_add(&fields, pending_of(&waiting, rows, pending));
    fields_add(&fields, changes_of(&changes));
    probe_report(run,
                 .summary = summary,
                 .hint = pending ? "restart the server when it suits, or take the change back: a "
                                   "crash would bring it into force"
                                 : NULL,
                 .fields = fields.list);
    probe_done(run);
}

void run_config_drift(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    wire_ask(run, &(const struct question){.sql = config_drift_sql, .then = check_config_drift});
}
