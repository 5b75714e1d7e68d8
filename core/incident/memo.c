#include "incident/memo.h"

#include <errno.h>
#include <stdint.h>

#include "base/list.h"

struct memo {
    struct store *store;
    memo_mirror_fn *mirror; /* NULL: there is no realm */
    void *mirror_data;
};

/* One thing to be written; on the store's thread between its queueing and its end. */
struct writing {
    char *kind, *id, *body; /* body NULL: to be forgotten */
    memo_done_fn *fn;
    void *data;
};

static int make_table(sqlite3 *db, void *data)
{
    (void)data;
    return store_status(sqlite3_exec(db,
                                     "create table if not exists memo (kind text not null,"
                                     " id text not null, body text not null,"
                                     " primary key (kind, id)) without rowid",
                                     NULL,
                                     NULL,
                                     NULL));
}

struct memo *memo_open(struct store *store, struct error *error)
{
    int status = store ? store_do_now(store, make_table, NULL) : 0;
    if (status < 0) {
        (void)error_set(error, status, "cannot make the table of what people said");
        return NULL;
    }
    struct memo *memo = mem_new(sizeof(*memo));
    memo->store = store;
    return memo;
}

void memo_close(struct memo *memo)
{
    free(memo);
}

bool memo_keeps(const struct memo *memo)
{
    return memo->store != NULL;
}

/* --------------------------------------------------------------- reading ---- */

struct reading {
    const char *kind;
    memo_fn *fn;
    void *data;
};

static void read_row(const struct reading *reading, sqlite3_stmt *row)
{
    const char *id = (const char *)sqlite3_column_text(row, 0);
    const char *text = (const char *)sqlite3_column_text(row, 1);
    json_t *body = text ? json_loads(text, 0, NULL) : NULL;
    if (id && json_is_object(body))
        reading->fn(id, body, reading->data);
    json_decref(body);
}

static int read_all(sqlite3 *db, void *data)
{
    const struct reading *reading = data;
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(
        db, "select id, body from memo where kind = ?1 order by id", -1, &row, NULL);
    if (code == SQLITE_OK)
        (void)sqlite3_bind_text(row, 1, reading->kind, -1, SQLITE_STATIC);
    for (int i = 0; code == SQLITE_OK && i < MEMO_MOST; i++) {
        int step = sqlite3_step(row);
        if (step == SQLITE_DONE)
            break;
        if (step == SQLITE_ROW)
            read_row(reading, row);
        else
            code = step;
    }
    (void)sqlite3_finalize(row);
    return store_status(code);
}

int memo_each(struct memo *memo, const char *kind, memo_fn *fn, void *data)
{
    struct reading reading = {kind, fn, data};
    return memo->store ? store_do_now(memo->store, read_all, &reading) : 0;
}

/* --------------------------------------------------------------- writing ---- */

static int write_one(sqlite3 *db, void *data)
{
    const struct writing *writing = data;
    const char *sql = writing->body
                          ? "insert or replace into memo (kind, id, body) values (?1, ?2, ?3)"
                          : "delete from memo where kind = ?1 and id = ?2";
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        (void)sqlite3_bind_text(statement, 1, writing->kind, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(statement, 2, writing->id, -1, SQLITE_STATIC);
        if (writing->body)
            (void)sqlite3_bind_text(statement, 3, writing->body, -1, SQLITE_STATIC);
        code = sqlite3_step(statement);
    }
    (void)sqlite3_finalize(statement);
    return store_status(code);
}

static void on_written(int status, void *data)
{
    struct writing *writing = data;
    if (writing->fn)
        writing->fn(status, writing->data);
    free(writing->kind);
    free(writing->id);
    free(writing->body);
    free(writing);
}

void memo_put(struct memo *memo, const char *kind, const char *id, const json_t *body,
              memo_done_fn *fn, void *data)
{
    if (!memo->store) {
        if (fn)
            fn(-ENOTSUP, data);
        return;
    }
    struct writing *writing = mem_new(sizeof(*writing));
    *writing = (struct writing){.fn = fn, .data = data};
    writing->kind = mem_copy(kind);
    writing->id = mem_copy(id);
    writing->body = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (!store_do(memo->store, write_one, on_written, writing))
        on_written(-EBUSY, writing);
}

/* --------------------------------------------------------------- sharing ---- */

/* Of one thing that goes to our disk and to the realm. */
struct sharing {
    unsigned open; /* answers that are due */
    int here, there;
    memo_done_fn *fn;
    void *data;
};

static void settle(struct sharing *sharing)
{
    if (--sharing->open)
        return;
    int status = sharing->there == 0 ? 0 : sharing->here == 0 ? -EREMOTEIO : sharing->here;
    if (sharing->fn)
        sharing->fn(status, sharing->data);
    free(sharing);
}

static void on_here(int status, void *data)
{
    struct sharing *sharing = data;
    sharing->here = status;
    settle(sharing);
}

static void on_there(int status, void *data)
{
    struct sharing *sharing = data;
    sharing->there = status;
    settle(sharing);
}

void memo_mirror(struct memo *memo, memo_mirror_fn *fn, void *data)
{
    memo->mirror = fn;
    memo->mirror_data = data;
}

bool memo_shares(const struct memo *memo)
{
    return memo->mirror != NULL;
}

void memo_put_shared(struct memo *memo, const char *kind, const char *id, const json_t *here,
                     const json_t *there, memo_done_fn *fn, void *data)
{
    if (!memo->mirror) {
        memo_put(memo, kind, id, here, fn, data);
        return;
    }
    struct sharing *sharing = mem_new(sizeof(*sharing));
    *sharing = (struct sharing){.open = 2, .fn = fn, .data = data};
    memo_put(memo, kind, id, here, on_here, sharing);
    memo->mirror(kind, id, there, on_there, sharing, memo->mirror_data);
}
