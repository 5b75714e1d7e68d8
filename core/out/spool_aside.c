/*
 * spool_aside - what receivers have refused: kept, listed, dropped.
 *
 * Layer: out.  Part of out/spool.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "out/spool_parts.h"

enum { ASIDE_BYTES = 16 << 20, MOST_SINKS = 256 };

struct spool_aside_sums {
    size_t count;
    struct {
        char *sink;
        uint64_t events;
    } all[MOST_SINKS];
};

/* What is asked of the thread, and what it answers. */
struct errand {
    struct spool *spool;
    struct spool_aside_choice choice;
    char *sink; /* of the choice */
    char *why, *lines;
    size_t len;
    int64_t wall_ms;
    uint64_t *ids; /* the choice is of these */
    size_t id_count;
    struct spool_aside_list list;
    uint64_t dropped;
    struct spool_aside_sums *sums;
    spool_aside_fn *listed;
    spool_aside_dropped_fn *done;
    void *data;
};

static void sums_destroy(struct spool_aside_sums *sums)
{
    for (size_t i = 0; sums && i < sums->count; i++)
        free(sums->all[i].sink);
    free(sums);
}

static struct errand *errand_new(struct spool *spool, const struct spool_aside_choice *choice,
                                 void *data)
{
    struct errand *errand = mem_new(sizeof(*errand));
    errand->spool = spool;
    errand->data = data;
    if (choice) {
        errand->choice = *choice;
        errand->choice.sink = errand->sink = mem_copy(choice->sink);
    }
    return errand;
}

static void errand_destroy(struct errand *errand)
{
    for (size_t i = 0; i < errand->list.count; i++) {
        free(errand->list.all[i].sink);
        free(errand->list.all[i].why);
        free(errand->list.all[i].line);
    }
    free(errand->list.all);
    sums_destroy(errand->sums);
    free(errand->ids);
    free(errand->sink);
    free(errand->why);
    free(errand->lines);
    free(errand);
}

/* ---------------------------------------------------------- on the thread ---- */

static int read_sums(sqlite3 *db, struct spool_aside_sums **ret_sums)
{
    struct spool_query query =
        spool_query(db, "select sink, count(*) from aside group by sink order by sink");
    struct spool_aside_sums *sums = *ret_sums = mem_new(sizeof(*sums));
    while (sums->count < MOST_SINKS && spool_step(&query)) {
        sums->all[sums->count].sink =
            mem_copy((const char *)sqlite3_column_text(query.statement, 0));
        sums->all[sums->count++].events = spool_number(&query, 1);
    }
    return spool_finish(&query);
}

static int do_set_aside(sqlite3 *db, void *data)
{
    struct errand *errand = data;
    struct spool_query query =
        spool_query(db, "insert into aside (sink, time, why, bytes, lines) values (?, ?, ?, ?, ?)");
    spool_bind_text(&query, 1, errand->sink);
    spool_bind_int(&query, 2, (uint64_t)errand->wall_ms);
    spool_bind_text(&query, 3, errand->why);
    spool_bind_int(&query, 4, errand->len);
    spool_bind_blob(&query, 5, errand->lines, errand->len);
    (void)spool_step(&query);
    int status = spool_finish(&query);
    if (status < 0)
        return status;
    query = spool_query(db,
                        "delete from aside where id in (select id from (select id, sum(bytes) over "
                        "(order by id desc) as newer from aside) where newer > ?)");
    spool_bind_int(&query, 1, ASIDE_BYTES);
    (void)spool_step(&query);
    status = spool_finish(&query);
    return status < 0 ? status : read_sums(db, &errand->sums);
}

/* "?1" is the sink or null, "?2" the id or zero, "?3" the last id or zero, "?4" the one before the first. */
#define CHOICE                                                                                     \
    "(?1 is null or sink = ?1) and (?2 = 0 or id = ?2) and (?3 = 0 or id <= ?3) and id > ?4"

static void bind_choice(struct spool_query *query, const struct errand *errand)
{
    if (errand->sink)
        spool_bind_text(query, 1, errand->sink);
    spool_bind_int(query, 2, errand->choice.id);
    spool_bind_int(query, 3, errand->choice.up_to);
    spool_bind_int(query, 4, errand->choice.after);
}

static void take_row(struct spool_query *query, struct spool_aside_list *list)
{
    struct spool_aside *row = &list->all[list->count++];
    const void *line = sqlite3_column_blob(query->statement, 4);
    row->id = spool_number(query, 0);
    row->sink = mem_copy((const char *)sqlite3_column_text(query->statement, 1));
    row->wall_ms = (int64_t)spool_number(query, 2);
    row->why = mem_copy((const char *)sqlite3_column_text(query->statement, 3));
    row->len = (size_t)sqlite3_column_bytes(query->statement, 4);
    row->line = mem_copy_n(line ? line : "", row->len);
    if (row->len && row->line[row->len - 1] == '\n')
        row->line[--row->len] = '\0';
}

static int do_list(sqlite3 *db, void *data)
{
    struct errand *errand = data;
    struct spool_aside_list *list = &errand->list;
    size_t bytes = 0;
    struct spool_query query =
        spool_query(db, "select count(*), coalesce(max(id), 0) from aside where " CHOICE);
    bind_choice(&query, errand);
    if (spool_step(&query)) {
        list->found = spool_number(&query, 0);
        list->last = spool_number(&query, 1);
    }
    int status = spool_finish(&query);
    if (status < 0)
        return status;
    list->all = mem_array(errand->choice.most + 1, sizeof(*list->all));
    query = spool_query(
        db, "select id, sink, time, why, lines from aside where " CHOICE " order by id limit ?5");
    bind_choice(&query, errand);
    spool_bind_int(&query, 5, errand->choice.most);
    while ((list->count == 0 || bytes < errand->choice.bytes) &&
           list->count < errand->choice.most && spool_step(&query)) {
        take_row(&query, list);
        bytes += list->all[list->count - 1].len;
    }
    return spool_finish(&query);
}

static int do_drop(sqlite3 *db, void *data)
{
    struct errand *errand = data;
    int status = 0;
    for (size_t i = 0; i == 0 || i < errand->id_count; i++) {
        if (errand->id_count)
            errand->choice.id = errand->ids[i];
        struct spool_query query = spool_query(db, "delete from aside where " CHOICE);
        bind_choice(&query, errand);
        (void)spool_step(&query);
        status = spool_finish(&query);
        if (status < 0)
            return status;
        errand->dropped += (uint64_t)sqlite3_changes(db);
    }
    return read_sums(db, &errand->sums);
}

static int do_begin(sqlite3 *db, void *data)
{
    return read_sums(db, data);
}

/* ------------------------------------------------------------ on the loop ---- */

static void take_sums(struct errand *errand)
{
    if (!errand->sums)
        return;
    sums_destroy(errand->spool->aside);
    errand->spool->aside = errand->sums;
    errand->sums = NULL;
}

static void on_done(int status, void *data)
{
    struct errand *errand = data;
    if (status == 0)
        take_sums(errand);
    if (errand->listed)
        errand->listed(status, &errand->list, errand->data);
    if (errand->done)
        errand->done(status, errand->dropped, errand->data);
    errand_destroy(errand);
}

void spool_set_aside(struct spool *spool, const char *sink, int64_t wall_ms, const char *why,
                     const char *lines, size_t len)
{
    struct errand *errand =
        errand_new(spool, &(const struct spool_aside_choice){.sink = sink}, NULL);
    errand->wall_ms = wall_ms;
    errand->why = mem_copy(why);
    errand->lines = mem_copy_n(lines, len);
    errand->len = len;
    if (!store_do(spool->store, do_set_aside, on_done, errand))
        errand_destroy(errand); /* on a disk that does not answer: it was counted, and said */
}

bool spool_list_aside(struct spool *spool, const struct spool_aside_choice *choice,
                      spool_aside_fn *fn, void *data)
{
    struct errand *errand = errand_new(spool, choice, data);
    errand->listed = fn;
    if (store_read(spool->store, do_list, on_done, errand))
        return true;
    errand_destroy(errand);
    return false;
}

bool spool_drop_aside(struct spool *spool, const struct spool_aside_choice *choice,
                      const uint64_t *ids, size_t count, spool_aside_dropped_fn *fn, void *data)
{
    struct errand *errand = errand_new(spool, choice, data);
    errand->done = fn;
    errand->id_count = count;
    errand->ids = mem_array(count + 1, sizeof(*errand->ids));
    if (count)
        memcpy(errand->ids, ids, count * sizeof(*ids));
    if (store_do(spool->store, do_drop, on_done, errand))
        return true;
    errand_destroy(errand);
    return false;
}

uint64_t spool_count_aside(const struct spool *spool, const char *sink)
{
    uint64_t count = 0;
    for (size_t i = 0; spool->aside && i < spool->aside->count; i++)
        if (!sink || strcmp(spool->aside->all[i].sink, sink) == 0)
            count += spool->aside->all[i].events;
    return count;
}

void spool_aside_begin(struct spool *spool)
{
    struct spool_aside_sums *sums = NULL;
    if (store_do_now(spool->store, do_begin, &sums) == 0)
        spool->aside = sums;
    else
        sums_destroy(sums);
}

void spool_aside_end(struct spool *spool)
{
    sums_destroy(spool->aside);
}
