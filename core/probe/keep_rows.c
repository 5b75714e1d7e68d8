/* keep_rows - the tables of the state: part of probe/keep. */
#include <string.h>

#include "base/mem.h"
#include "probe/keep_parts.h"

enum { MOST_READ = 1000000, LONGEST_PACKED = 4096, LONGEST_STREAKS = 64 * 1024 * 1024 };

/* Grows only: a version that knows less leaves alone what it does not know. */
const char keep_schema[] =
    "create table if not exists version (number integer primary key);"
    "insert or ignore into version values (1);"
    "create table if not exists subject (id integer primary key, target text not null,"
    " name text not null, subject text, checked text not null default '',"
    " of_node integer not null default 0, written_ms integer not null default 0,"
    " standing blob, counters blob);"
    "create table if not exists streak (batch integer primary key, written_ms integer not null,"
    " streaks blob not null);"
    "create table if not exists note (target text not null, name text not null,"
    " key text not null, value text not null, primary key (target, name, key)) without rowid;";

/* ------------------------------------------------------------- reading ---- */

static char *column(sqlite3_stmt *row, int at)
{
    const unsigned char *text = sqlite3_column_text(row, at);
    return text ? mem_copy((const char *)text) : NULL;
}

static void blob(sqlite3_stmt *row, int at, struct text *out)
{
    const void *bytes = sqlite3_column_blob(row, at);
    text_init(out, LONGEST_PACKED);
    if (bytes)
        text_add_n(out, bytes, (size_t)sqlite3_column_bytes(row, at));
}

struct reading {
    struct list *rows, *notes;
    struct keep_row **by_id; /* the same rows, in the order of their ids */
    size_t count, room;
    uint64_t last_id;
};

static bool is_null(sqlite3_stmt *row, int at)
{
    return sqlite3_column_type(row, at) == SQLITE_NULL;
}

static void add_row(struct reading *reading, sqlite3_stmt *found)
{
    if (is_null(found, 1) || is_null(found, 2) || is_null(found, 4))
        return;
    struct keep_row *row = mem_new(sizeof(*row));
    row->id = (uint64_t)sqlite3_column_int64(found, 0);
    row->target = column(found, 1);
    row->name = column(found, 2);
    row->subject = column(found, 3);
    row->check = column(found, 4);
    row->of_node = sqlite3_column_int(found, 5) != 0;
    row->written_ms = sqlite3_column_int64(found, 6);
    blob(found, 7, &row->standing);
    blob(found, 8, &row->counters);
    list_add(reading->rows, &row->link);
    reading->last_id = row->id;
    if (reading->count == reading->room) {
        reading->room = reading->room ? 2 * reading->room : 64;
        reading->by_id = mem_resize(reading->by_id, reading->room * sizeof(*reading->by_id));
    }
    reading->by_id[reading->count++] = row;
}

static int compare(const void *key, const void *member)
{
    uint64_t id = *(const uint64_t *)key, of = (*(struct keep_row *const *)member)->id;
    return id < of ? -1 : id > of;
}

/* What is read later is newer. */
static void add_streaks(struct reading *reading, sqlite3_stmt *found)
{
    const char *at = sqlite3_column_blob(found, 1);
    const char *end = at ? at + sqlite3_column_bytes(found, 1) : NULL;
    struct ledger_streak streak;
    while (at && ledger_next_streak(&at, end, &streak)) {
        struct keep_row **row =
            reading->count
                ? bsearch(
                      &streak.id, reading->by_id, reading->count, sizeof(*reading->by_id), compare)
                : NULL;
        if (row) {
            (*row)->streak = streak;
            (*row)->streak_written_ms = sqlite3_column_int64(found, 0);
        }
    }
}

static void add_note(struct reading *reading, sqlite3_stmt *found)
{
    MEM_AUTO char *target = column(found, 0);
    MEM_AUTO char *name = column(found, 1);
    MEM_AUTO char *key = column(found, 2);
    MEM_AUTO char *value = column(found, 3);
    if (!target || !name || !key || !value)
        return;
    struct keep_notes *last = list_empty(reading->notes)
                                  ? NULL
                                  : container_of(reading->notes->prev, struct keep_notes, link);
    if (!last || strcmp(last->target, target) != 0 || strcmp(last->name, name) != 0) {
        last = mem_new(sizeof(*last));
        last->target = mem_copy(target);
        last->name = mem_copy(name);
        list_add(reading->notes, &last->link);
    }
    (void)note_remember(&last->notes, key, value);
}

/* Calls `add` for every row of a query. */
static int each(sqlite3 *db, const char *sql, struct reading *reading,
                void (*add)(struct reading *, sqlite3_stmt *))
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    for (int i = 0; code == SQLITE_OK && i < MOST_READ; i++) {
        int step = sqlite3_step(statement);
        if (step == SQLITE_ROW)
            add(reading, statement);
        else if (step == SQLITE_DONE)
            break;
        else
            code = step;
    }
    (void)sqlite3_finalize(statement);
    return store_status(code);
}

static int read_all(sqlite3 *db, void *data)
{
    int status = each(db,
                      "select id, target, name, subject, checked, of_node, written_ms, standing,"
                      " counters from subject order by id",
                      data,
                      add_row);
    if (status == 0)
        status =
            each(db, "select written_ms, streaks from streak order by batch", data, add_streaks);
    if (status == 0)
        status =
            each(db, "select target, name, key, value from note order by 1, 2, 3", data, add_note);
    return status;
}

int keep_read(struct store *store, struct list *rows, struct list *notes, uint64_t *ret_last_id)
{
    struct reading reading = {.rows = rows, .notes = notes};
    int status = store_do_now(store, read_all, &reading);
    free(reading.by_id);
    *ret_last_id = reading.last_id;
    return status;
}

void keep_row_destroy(struct keep_row *row)
{
    list_remove(&row->link);
    free(row->target);
    free(row->name);
    free(row->subject);
    free(row->check);
    text_finish(&row->standing);
    text_finish(&row->counters);
    free(row);
}

void keep_notes_destroy(struct keep_notes *notes)
{
    list_remove(&notes->link);
    free(notes->target);
    free(notes->name);
    notes_finish(&notes->notes);
    free(notes);
}

/* ------------------------------------------------------------- writing ---- */

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    (void)sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static void bind_blob(sqlite3_stmt *statement, int at, const struct text *text)
{
    (void)sqlite3_bind_blob(statement, at, text->bytes, (int)text->len, SQLITE_STATIC);
}

/* Runs a statement once, ready to be bound again. */
static int step(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    (void)sqlite3_reset(statement);
    return store_status(code);
}

static int write_rows(sqlite3_stmt *statement, const struct keep_batch *batch)
{
    int status = 0;
    for (const struct list *link = batch->rows.next; status == 0 && link != &batch->rows;
         link = link->next) {
        const struct keep_row *row = container_of(link, struct keep_row, link);
        (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)row->id);
        bind_text(statement, 2, row->target);
        bind_text(statement, 3, row->name);
        bind_text(statement, 4, row->subject);
        bind_text(statement, 5, row->check);
        (void)sqlite3_bind_int(statement, 6, row->of_node);
        (void)sqlite3_bind_int64(statement, 7, row->written_ms);
        bind_blob(statement, 8, &row->standing);
        bind_blob(statement, 9, &row->counters);
        status = step(statement);
    }
    return status;
}

static int write_streaks(sqlite3_stmt *statement, const struct keep_batch *batch)
{
    if (!batch->streaks.len)
        return 0;
    (void)sqlite3_bind_int64(statement, 1, batch->written_ms);
    bind_blob(statement, 2, &batch->streaks);
    return step(statement);
}

static int clear_streaks(sqlite3_stmt *statement, const struct keep_batch *batch)
{
    return batch->whole ? step(statement) : 0;
}

static int write_ends(sqlite3_stmt *statement, const struct keep_batch *batch)
{
    int status = 0;
    for (size_t i = 0; status == 0 && i < batch->ended_count; i++) {
        (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)batch->ended[i]);
        status = step(statement);
    }
    return status;
}

static int clear_notes(sqlite3_stmt *statement, const struct keep_batch *batch)
{
    int status = 0;
    for (const struct list *link = batch->notes.next; status == 0 && link != &batch->notes;
         link = link->next) {
        const struct keep_notes *notes = container_of(link, struct keep_notes, link);
        bind_text(statement, 1, notes->target);
        bind_text(statement, 2, notes->name);
        status = step(statement);
    }
    return status;
}

static int write_notes(sqlite3_stmt *statement, const struct keep_batch *batch)
{
    int status = 0;
    for (const struct list *link = batch->notes.next; link != &batch->notes; link = link->next) {
        const struct keep_notes *notes = container_of(link, struct keep_notes, link);
        bind_text(statement, 1, notes->target);
        bind_text(statement, 2, notes->name);
        for (size_t i = 0; status == 0 && i < notes->notes.count; i++) {
            bind_text(statement, 3, notes->notes.all[i].key);
            bind_text(statement, 4, notes->notes.all[i].value);
            status = step(statement);
        }
    }
    return status;
}

int keep_write(sqlite3 *db, void *data)
{
    static const struct {
        const char *sql;
        int (*write)(sqlite3_stmt *, const struct keep_batch *);
    } steps[] = {
        {"insert into subject (id, target, name, subject, checked, of_node, written_ms, standing,"
         " counters) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) on conflict (id) do update set"
         " checked = ?5, of_node = ?6, written_ms = ?7, standing = ?8, counters = ?9",
         write_rows},
        {"delete from streak", clear_streaks},
        {"insert into streak (written_ms, streaks) values (?1, ?2)", write_streaks},
        {"delete from subject where id = ?1", write_ends},
        {"delete from note where target = ?1 and name = ?2", clear_notes},
        {"insert or replace into note (target, name, key, value) values (?1, ?2, ?3, ?4)",
         write_notes},
    };
    int status = 0;
    for (size_t i = 0; status == 0 && i < COUNT_OF(steps); i++) {
        sqlite3_stmt *statement = NULL;
        status = store_status(sqlite3_prepare_v2(db, steps[i].sql, -1, &statement, NULL));
        if (status == 0)
            status = steps[i].write(statement, data);
        (void)sqlite3_finalize(statement);
    }
    return status;
}

void keep_batch_init(struct keep_batch *batch)
{
    batch->row_count = batch->ended_count = batch->note_count = 0;
    list_init(&batch->rows);
    list_init(&batch->notes);
    text_init(&batch->streaks, LONGEST_STREAKS);
}

void keep_batch_finish(struct keep_batch *batch)
{
    while (!list_empty(&batch->rows))
        keep_row_destroy(list_first(&batch->rows, struct keep_row, link));
    while (!list_empty(&batch->notes))
        keep_notes_destroy(list_first(&batch->notes, struct keep_notes, link));
    text_finish(&batch->streaks);
}
