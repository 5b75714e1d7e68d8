#include "out/spool_parts.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "io/loop.h"
#include "io/store.h"

enum { MOST_LOADED = 4096 };

static const char schema[] =
    "pragma wal_autocheckpoint=4000; pragma journal_size_limit=16777216;"
    "create table if not exists blocks (id integer primary key, sink text not null, events integer "
    "not null, bytes integer not null, time integer not null, lines blob not null);"
    "create index if not exists blocks_of_sink on blocks (sink, id, events, bytes, time);"
    "create table if not exists aside (id integer primary key, sink text not null, time integer "
    "not "
    "null, why text not null, bytes integer not null, lines blob not null);";

/* ---------------------------------------------------------------- blocks ---- */

struct block *block_create(uint64_t id, int64_t wall_ms, size_t max)
{
    struct block *block = mem_new(sizeof(*block));
    list_init(&block->link);
    block->id = id;
    block->wall_ms = wall_ms;
    text_init(&block->lines, max);
    return block;
}

void block_destroy(struct block *block)
{
    if (!block)
        return;
    list_remove(&block->link);
    text_finish(&block->lines);
    free(block);
}

/* ------------------------------------------------------- what is asked for ---- */

/* One request of a queue's, and its answer; the thread's while it is under way. */
struct wish {
    char *sink;
    union {
        spool_done_fn *done;
        spool_sum_fn *summed;
        spool_loaded_fn *loaded;
    } fn;
    void *data;
    struct block **blocks;
    size_t count, bytes, events;
    uint64_t id; /* up to which, or after which */
    uint64_t rest;
    struct spool_trim trim;
    char *lines;
    char **names; /* ended by NULL, or NULL */
    struct spool_sum sum;
    struct list loaded;
};

static struct wish *wish_create(const char *sink, void *data)
{
    struct wish *wish = mem_new(sizeof(*wish));
    wish->sink = mem_copy(sink);
    wish->data = data;
    list_init(&wish->loaded);
    return wish;
}

static void wish_destroy(struct wish *wish)
{
    while (!list_empty(&wish->loaded))
        block_destroy(list_first(&wish->loaded, struct block, link));
    free(wish->sink);
    free(wish->blocks);
    free(wish->lines);
    for (char **name = wish->names; name && *name; name++)
        free(*name);
    free(wish->names);
    free(wish);
}

/* ---------------------------------------------------------- on the thread ---- */

static int do_put(sqlite3 *db, void *data)
{
    struct wish *wish = data;
    struct spool_query query =
        spool_query(db,
                    "insert or replace into blocks (id, sink, events, bytes, time, "
                    "lines) values (?, ?, ?, ?, ?, ?)");
    for (size_t i = 0; i < wish->count && query.status == 0; i++) {
        const struct block *block = wish->blocks[i];
        spool_bind_int(&query, 1, block->id);
        spool_bind_text(&query, 2, wish->sink);
        spool_bind_int(&query, 3, block->events);
        spool_bind_int(&query, 4, block->lines.len);
        spool_bind_int(&query, 5, (uint64_t)block->wall_ms);
        spool_bind_blob(&query, 6, block->lines.bytes, block->lines.len);
        (void)spool_step(&query);
        (void)sqlite3_reset(query.statement);
    }
    return spool_finish(&query);
}

static int put_rest(sqlite3 *db, const struct wish *wish)
{
    struct spool_query query =
        spool_query(db, "update blocks set events = ?, bytes = ?, lines = ? where id = ?");
    spool_bind_int(&query, 1, wish->events);
    spool_bind_int(&query, 2, wish->bytes);
    spool_bind_blob(&query, 3, wish->lines, wish->bytes);
    spool_bind_int(&query, 4, wish->rest);
    (void)spool_step(&query);
    return spool_finish(&query);
}

static int do_take_off(sqlite3 *db, void *data)
{
    struct wish *wish = data;
    struct spool_query query = spool_query(db, "delete from blocks where sink = ? and id <= ?");
    spool_bind_text(&query, 1, wish->sink);
    spool_bind_int(&query, 2, wish->id);
    (void)spool_step(&query);
    int status = spool_finish(&query);
    return status < 0 || !wish->rest ? status : put_rest(db, wish);
}

static int do_open(sqlite3 *db, void *data)
{
    struct wish *wish = data;
    struct spool_query query =
        spool_query(db,
                    "select coalesce(sum(events), 0), coalesce(sum(bytes), 0), "
                    "coalesce(max(id), 0) from blocks where sink = ?");
    spool_bind_text(&query, 1, wish->sink);
    if (spool_step(&query))
        wish->sum = (struct spool_sum){
            spool_number(&query, 0), spool_number(&query, 1), spool_number(&query, 2)};
    return spool_finish(&query);
}

static int do_load(sqlite3 *db, void *data)
{
    struct wish *wish = data;
    struct spool_query query =
        spool_query(db,
                    "select id, time, events, lines from blocks where sink = ? and "
                    "id > ? order by id limit ?");
    size_t bytes = 0;
    spool_bind_text(&query, 1, wish->sink);
    spool_bind_int(&query, 2, wish->id);
    spool_bind_int(&query, 3, MOST_LOADED);
    while ((bytes == 0 || bytes < wish->bytes) && spool_step(&query)) {
        size_t len = (size_t)sqlite3_column_bytes(query.statement, 3);
        const void *lines = sqlite3_column_blob(query.statement, 3);
        struct block *block =
            block_create(spool_number(&query, 0), (int64_t)spool_number(&query, 1), len);
        block->events = (size_t)spool_number(&query, 2);
        block->state = BLOCK_KEPT;
        if (lines)
            text_add_n(&block->lines, lines, len);
        list_add(&wish->loaded, &block->link);
        bytes += len + 1;
    }
    return spool_finish(&query);
}

/* Up to which block `trim` goes; the sum is of all up to it. */
static int find_end(sqlite3 *db, struct wish *wish)
{
    struct spool_query query = spool_query(
        db, "select id, events, bytes, time from blocks where sink = ? and id > ? order by id");
    spool_bind_text(&query, 1, wish->sink);
    spool_bind_int(&query, 2, wish->trim.after);
    while (spool_step(&query)) {
        bool old = (int64_t)spool_number(&query, 3) < wish->trim.before_ms;
        if (!old && wish->sum.bytes >= wish->trim.bytes)
            break;
        wish->sum.last_id = spool_number(&query, 0);
        wish->sum.events += spool_number(&query, 1);
        wish->sum.bytes += spool_number(&query, 2);
    }
    return spool_finish(&query);
}

static int do_trim(sqlite3 *db, void *data)
{
    struct wish *wish = data;
    wish->sum = (struct spool_sum){0};
    int status = find_end(db, wish);
    if (status < 0 || wish->sum.last_id == 0)
        return status;
    struct spool_query query =
        spool_query(db, "delete from blocks where sink = ? and id > ? and id <= ?");
    spool_bind_text(&query, 1, wish->sink);
    spool_bind_int(&query, 2, wish->trim.after);
    spool_bind_int(&query, 3, wish->sum.last_id);
    (void)spool_step(&query);
    return spool_finish(&query);
}

static bool is_stranger(const struct wish *wish, const char *sink)
{
    for (char *const *name = wish->names; *name; name++)
        if (strcmp(*name, sink) == 0)
            return false;
    return true;
}

static int do_forget_strangers(sqlite3 *db, void *data)
{
    struct wish *wish = data;
    struct spool_query query = spool_query(db, "select distinct sink from blocks");
    struct spool_sum all = {0};
    int status = 0;
    while (status == 0 && spool_step(&query)) {
        const char *sink = (const char *)sqlite3_column_text(query.statement, 0);
        if (!sink || !is_stranger(wish, sink))
            continue;
        free(wish->sink);
        wish->sink = mem_copy(sink);
        status = do_trim(db, wish);
        all.events += wish->sum.events;
        all.bytes += wish->sum.bytes;
    }
    wish->sum = all;
    int finished = spool_finish(&query);
    return status < 0 ? status : finished;
}

static int read_last_id(sqlite3 *db, void *data)
{
    uint64_t *last = data;
    struct spool_query query = spool_query(db, "select coalesce(max(id), 0) from blocks");
    if (spool_step(&query))
        *last = spool_number(&query, 0);
    return spool_finish(&query);
}

/* ------------------------------------------------------------ on the loop ---- */

static void ask(struct spool *spool, store_work_fn *work, store_done_fn *done, struct wish *wish)
{
    if (!store_do(spool->store, work, done, wish))
        abort(); /* each queue asks for a few things at a time: the store's queue cannot be full */
}

static void ask_to_read(struct spool *spool, store_work_fn *work, store_done_fn *done,
                        struct wish *wish)
{
    if (!store_read(spool->store, work, done, wish))
        abort(); /* as above */
}

static void on_done(int status, void *data)
{
    struct wish *wish = data;
    if (wish->fn.done)
        wish->fn.done(status, wish->data);
    wish_destroy(wish);
}

static void on_summed(int status, void *data)
{
    struct wish *wish = data;
    wish->fn.summed(status, &wish->sum, wish->data);
    wish_destroy(wish);
}

static void on_loaded(int status, void *data)
{
    struct wish *wish = data;
    wish->fn.loaded(status, &wish->loaded, wish->data);
    wish_destroy(wish);
}

void spool_open_sink(struct spool *spool, const char *sink, spool_sum_fn *fn, void *data)
{
    struct wish *wish = wish_create(sink, data);
    wish->fn.summed = fn;
    ask_to_read(spool, do_open, on_summed, wish);
}

void spool_put(struct spool *spool, const char *sink, struct block *const *blocks, size_t count,
               spool_done_fn *fn, void *data)
{
    struct wish *wish = wish_create(sink, data);
    wish->fn.done = fn;
    wish->blocks = mem_array(count, sizeof(struct block *));
    wish->count = count;
    memcpy(wish->blocks, blocks, count * sizeof(struct block *));
    ask(spool, do_put, on_done, wish);
}

void spool_take_off(struct spool *spool, const char *sink, uint64_t id, const struct block *rest,
                    spool_done_fn *fn, void *data)
{
    struct wish *wish = wish_create(sink, data);
    wish->fn.done = fn;
    wish->id = id;
    if (rest) {
        wish->rest = rest->id;
        wish->events = rest->events;
        wish->bytes = rest->lines.len;
        wish->lines = mem_copy_n(rest->lines.bytes, rest->lines.len);
    }
    ask(spool, do_take_off, on_done, wish);
}

void spool_load(struct spool *spool, const char *sink, uint64_t after, size_t bytes,
                spool_loaded_fn *fn, void *data)
{
    struct wish *wish = wish_create(sink, data);
    wish->fn.loaded = fn;
    wish->id = after;
    wish->bytes = bytes;
    ask_to_read(spool, do_load, on_loaded, wish);
}

void spool_trim(struct spool *spool, const char *sink, struct spool_trim trim, spool_sum_fn *fn,
                void *data)
{
    struct wish *wish = wish_create(sink, data);
    wish->fn.summed = fn;
    wish->trim = trim;
    ask(spool, do_trim, on_summed, wish);
}

void spool_forget_strangers(struct spool *spool, const char *const *names, int64_t before_ms,
                            spool_sum_fn *fn, void *data)
{
    struct wish *wish = wish_create("", data);
    size_t count = 0;
    while (names[count])
        count++;
    wish->fn.summed = fn;
    wish->names = mem_array(count + 1, sizeof(*wish->names));
    for (size_t i = 0; i < count; i++)
        wish->names[i] = mem_copy(names[i]);
    wish->trim.before_ms = before_ms;
    ask(spool, do_forget_strangers, on_summed, wish);
}

uint64_t spool_next_id(struct spool *spool)
{
    return ++spool->last_id;
}

struct spool *spool_open(struct loop *loop, const char *folder, bool *ret_damaged,
                         struct error *error)
{
    const struct store_wish wish = {.folder = folder,
                                    .name = "spool",
                                    .lock = "spool.lock",
                                    .what = "spool",
                                    .schema = schema,
                                    .renewed = true};
    uint64_t last_id = 0;
    struct store *store = store_open_as(loop, &wish, ret_damaged, error);
    if (!store)
        return NULL;
    int status = store_do_now(store, read_last_id, &last_id);
    if (status == -EUCLEAN) { /* which began a new one */
        *ret_damaged = true;
        status = store_do_now(store, read_last_id, &last_id);
    }
    if (status < 0) {
        (void)error_set(
            error, status, "cannot read the spool in %s: %s", folder, strerror(-status));
        store_close(store, 0);
        return NULL;
    }
    struct spool *spool = mem_new(sizeof(*spool));
    *spool = (struct spool){.store = store, .last_id = last_id};
    spool_aside_begin(spool);
    return spool;
}

void spool_close(struct spool *spool, unsigned ms)
{
    if (!spool)
        return;
    store_close(spool->store, ms);
    spool_aside_end(spool);
    free(spool);
}
