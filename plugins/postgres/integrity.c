#include "integrity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "evidence.h"
#include "postgres_queries.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { LOCK_MS = 500 }; /* who is waited for by others is not waited for here */

const struct probe_option integrity_options[] = {
    {"tables",
     PROBE_LIST_AT(struct integrity, tables),
     .fallback = "",
     .help = "tables to examine, with their indexes; default: all, those of the system too"},
    {"max_size",
     PROBE_BYTES_AT(struct integrity, max_size),
     .fallback = "1GiB",
     .min = 1,
     .max = INT64_MAX,
     .help = "larger relations are left out, and counted"},
    {"budget",
     PROBE_DURATION_AT(struct integrity, budget),
     .fallback = "5s",
     .min = 10,
     .max = INT64_C(3600) * 1000,
     .help = "after how long a run begins with no further relation; the next run goes on"},
    {0},
};

const struct probe_measure integrity_measures[] = {
    {"corrupt", "relations that are corrupt, found now or before", .kind = PROBE_GAUGE},
    {"checked", "relations that were examined in this run", .kind = PROBE_GAUGE},
    {"skipped", "relations that are never examined: too large", .kind = PROBE_GAUGE},
    {"checksums", "whether pages have checksums", .kind = PROBE_FLAG},
    {"checksum_failures",
     "pages that did not fit theirs, since the server began to count",
     .kind = PROBE_COUNTER,
     .optional = true},
    {0},
};

int prepare_integrity(const void *config, void *memory, struct probe_error *error)
{
    const struct integrity *options = config;
    struct integrity_memory *own = memory;

    (void)snprintf(own->max_size, sizeof(own->max_size), "%" PRId64, options->max_size);
    return operator_put_names(own->tables, sizeof(own->tables), options->tables, "tables", error);
}

/* ------------------------------------------------------------ reporting ---- */

static void remember(struct probe_run *run)
{
    const struct integrity_run *own = run->data;
    char corrupt[sizeof(own->corrupt)] = "{";
    size_t len = 1;

    for (size_t i = 0; i < own->corruptions; i++)
        len += (size_t)snprintf(corrupt + len,
                                sizeof(corrupt) - len,
                                "%s%" PRId64,
                                i ? "," : "",
                                own->found[i].relation.id);
    (void)snprintf(corrupt + len, sizeof(corrupt) - len, "}");
    probe_remember(&run->life, "position", own->position);
    probe_remember(&run->life, "corrupt", corrupt);
}

struct corruptions {
    const char *cells[INTEGRITY_CORRUPT * 3];
    struct probe_table table;
};

static struct probe_field corruptions_of(struct corruptions *shown, const struct integrity_run *own)
{
    static const struct probe_column columns[] = {{"relation", PROBE_FIELD_TEXT},
                                                  {"method", PROBE_FIELD_TEXT},
                                                  {"message", PROBE_FIELD_TEXT}};

    for (size_t i = 0; i < own->corruptions; i++) {
        const struct corruption *found = &own->found[i];
        shown->cells[3 * i] = found->relation.name;
        shown->cells[3 * i + 1] = found->relation.index ? "bt_index_check" : "verify_heapam";
        shown->cells[3 * i + 2] = found->says;
    }
    shown->table = (struct probe_table){
        columns, COUNT(columns), shown->cells, own->corruptions, (int64_t)own->corruptions};
    return probe_rows("corruptions", &shown->table);
}

static void say_state(const struct integrity_run *own, char *out, size_t room)
{
    if (own->corruptions > 0)
        (void)snprintf(out,
                       room,
                       "%zu relations are corrupt, such as the %s %.80s: %.150s",
                       own->corruptions,
                       own->found[0].relation.index ? "index" : "table",
                       own->found[0].relation.name,
                       own->found[0].says);
    else if (own->checksum_failures > 0)
        (void)snprintf(
            out, room, "%" PRId64 " pages did not fit their checksum", own->checksum_failures);
    else
        (void)snprintf(out,
                       room,
                       "%" PRId64 " of %" PRId64 " relations were examined in this run, none is "
                       "corrupt",
                       own->checked,
                       own->candidates);
}

static void report(struct probe_run *run)
{
    const struct integrity_run *own = run->data;
    struct corruptions shown;
    char summary[400];

    say_state(own, summary, sizeof(summary));
    probe_report(
        run,
        .summary = summary,
        .hint = own->corruptions > 0 || own->checksum_failures > 0
                    ? "stop writing to it and save the data folder first; then REINDEX an index; a "
                      "table: restore from a backup beside it; look for a failing disk"
                : *own->grants ? own->grants
                               : NULL,
        .fields = PROBE_FIELDS(probe_int("corrupt", (int64_t)own->corruptions),
                               probe_int("checked", own->checked),
                               probe_int("skipped", own->too_large),
                               probe_bool("checksums", own->checksums),
                               probe_bool("tables_examined", own->tables),
                               probe_int("given_up", own->given_up),
                               corruptions_of(&shown, own),
                               /* The last one: without checksums none is counted. */
                               own->checksum_failures < 0
                                   ? (struct probe_field){0}
                                   : probe_int("checksum_failures", own->checksum_failures)));
    probe_done(run);
}

/* ------------------------------------------------------------ examining ---- */

static void examine_next(struct probe_run *run);

static void note_corruption(struct integrity_run *own, const struct relation *relation,
                            const char *says)
{
    if (own->corruptions == INTEGRITY_CORRUPT)
        return;
    struct corruption *found = &own->found[own->corruptions++];
    found->relation = *relation;
    (void)snprintf(found->says, sizeof(found->says), "%.*s", (int)sizeof(found->says) - 1, says);
}

/* verify_heapam() says a row what is wrong; bt_index_check() gives one without a word. */
static void on_examined(struct probe_run *run, const struct answer *answer)
{
    struct integrity_run *own = run->data;
    const char *says = rows_text(&answer->rows, 0, "says");

    own->checked++;
    if (says && *says)
        note_corruption(own, &own->relations[own->next], says);
    own->next++;
    examine_next(run);
}

/* An error is what bt_index_check() finds, or that this one relation could not be examined. */
static void on_error(struct probe_run *run, const struct trouble *trouble)
{
    static const char *const corrupt[] = {"XX001", "XX002", "58"};
    static const char *const passing[] = {"42P01", "42704", "55P03", "57014", "55006", "0A000"};
    struct integrity_run *own = run->data;
    bool is_corrupt = false, passes = false;

    for (size_t i = 0; i < COUNT(corrupt); i++)
        is_corrupt |= strncmp(trouble->sqlstate, corrupt[i], strlen(corrupt[i])) == 0;
    for (size_t i = 0; i < COUNT(passing); i++)
        passes |= strcmp(trouble->sqlstate, passing[i]) == 0;
    if (!is_corrupt && !passes) {
        trouble_end(run, trouble);
        return;
    }
    const struct relation *relation = &own->relations[own->next];
    if (is_corrupt)
        note_corruption(own, relation, trouble->text);
    else if (relation->again && strncmp(trouble->sqlstate, "42", 2) != 0)
        note_corruption(own, relation, "it was corrupt, and could not be examined again now");
    own->checked += is_corrupt;
    own->given_up += passes;
    own->next++;
    examine_next(run);
}

static void examine_next(struct probe_run *run)
{
    const struct integrity *options = run->config;
    struct integrity_run *own = run->data;
    bool spent = probe_now(&run->life) - own->begun_ms >= (uint64_t)options->budget;
    const struct relation *relation = &own->relations[own->next];

    if (own->next == own->count || (spent && !relation->again)) {
        remember(run);
        report(run);
        return;
    }
    if (!relation->again)
        (void)snprintf(own->position, sizeof(own->position), "%" PRId64, relation->id);
    (void)snprintf(own->id, sizeof(own->id), "%" PRId64, relation->id);
    (void)sql_fill(own->sql,
                   sizeof(own->sql),
                   relation->index ? bt_index_check_sql : verify_heapam_sql,
                   (const struct sql_place[]){{"schema", own->schema}, {0}});
    wire_ask(run,
             &(const struct question){.sql = own->sql,
                                      .params = {own->id},
                                      .param_count = 1,
                                      .lock_ms = LOCK_MS,
                                      .then = on_examined,
                                      .otherwise = on_error});
}

/* -------------------------------------------------------------- asking ---- */

/* Nothing can be examined; what the server counts by itself may still be bad enough. */
static bool end_unable(struct probe_run *run, const struct rows *rows)
{
    const struct integrity_run *own = run->data;
    const char *missing = rows_text(rows, 0, "missing");
    char summary[240];

    if (own->checksum_failures > 0)
        return false;
    if (missing)
        (void)snprintf(summary, sizeof(summary), "there is no table %.180s", missing);
    if (!*own->schema)
        probe_end(run,
                  .how = PROBE_INAPPLICABLE,
                  .status = -ENOTSUP,
                  .reason = "missing",
                  .summary = "the extension amcheck is not in this database",
                  .hint = "CREATE EXTENSION amcheck;");
    else if (!rows_flag(rows, 0, "indexes") && !own->tables)
        probe_end(run,
                  .how = PROBE_DENIED,
                  .status = -EACCES,
                  .reason = "denied",
                  .summary = "amcheck's functions may not be called",
                  .hint = *own->grants ? own->grants : run->check->needs);
    else if (missing)
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -ENOENT,
                  .reason = "missing",
                  .summary = summary,
                  .hint = "correct `tables`, with their schemas");
    else
        return false;
    return true;
}

static void copy(char *out, size_t room, const char *text)
{
    (void)snprintf(out, room, "%s", text ? text : "");
}

static void on_list(struct probe_run *run, const struct answer *answer)
{
    struct integrity_run *own = run->data;
    const struct rows *rows = &answer->rows;

    copy(own->schema, sizeof(own->schema), rows_text(rows, 0, "schema"));
    copy(own->grants, sizeof(own->grants), rows_text(rows, 0, "grants"));
    own->tables = rows_flag(rows, 0, "tables");
    own->checksums = rows_flag(rows, 0, "checksums");
    own->checksum_failures = rows_text(rows, 0, "checksum_failures")
                                 ? rows_int(rows, 0, "checksum_failures")
                                 : INT64_C(-1);
    own->candidates = rows_int(rows, 0, "candidates");
    own->too_large = rows_int(rows, 0, "too_large");
    for (size_t row = 0; row < rows->count && own->count < INTEGRITY_MOST; row++) {
        struct relation *relation = &own->relations[own->count];
        if (!rows_text(rows, row, "id"))
            continue;
        own->count++;
        relation->id = rows_int(rows, row, "id");
        relation->index = rows_flag(rows, row, "index");
        relation->again = rows_flag(rows, row, "again");
        copy(relation->name, sizeof(relation->name), rows_text(rows, row, "relation"));
    }
    if (!end_unable(run, rows))
        examine_next(run);
}

void run_integrity(struct probe_target *self, struct probe_run *run)
{
    const struct integrity *options = run->config;
    const struct integrity_memory *memory = run->memory;
    struct integrity_run *own = run->data;
    const char *position = probe_recall(&run->life, "position");
    const char *corrupt = probe_recall(&run->life, "corrupt");

    (void)self;
    own->begun_ms = probe_now(&run->life);
    copy(own->position, sizeof(own->position), position ? position : "0");
    copy(own->corrupt, sizeof(own->corrupt), corrupt ? corrupt : "{}");
    wire_ask(run,
             &(const struct question){
                 .sql = integrity_sql,
                 .params = {memory->tables, memory->max_size, own->position, own->corrupt},
                 .param_count = 4,
                 .own_names = options->tables && *options->tables,
                 .then = on_list});
}
