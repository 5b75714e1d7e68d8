/*
 * spool - what waits for a sink, on disk: blocks of events in a database below agent.state.
 *
 * One file an agent, on a thread of its own (io/store), beside that of the state: a large spool, or
 * a damaged one, is no matter of the ledger's.  What is asked for is done in the order in which it
 * was asked, and told later, once.
 *
 * A block is some events in order.  Its id is given by whoever makes it and grows.  Blocks are
 * written once and deleted once; only one that was done in part is written again, as what is left.
 *
 * Layer: out.  Uses: base, io/store.
 */
#ifndef OUT_SPOOL_H
#define OUT_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/text.h"

struct loop;
struct spool;

enum block_state {
    BLOCK_NEW,     /* in memory alone */
    BLOCK_WRITING, /* on its way to the disk: not to be changed or freed */
    BLOCK_KEPT
};

struct block {
    struct list link;
    uint64_t id;
    enum block_state state;
    bool gone;       /* while it is written: nobody needs it any more */
    int64_t wall_ms; /* of its first event */
    size_t events;   /* in `lines`, NDJSON, each with its newline */
    struct text lines;
};

struct block *block_create(uint64_t id, int64_t wall_ms, size_t max);
void block_destroy(struct block *block); /* NULL is fine */

/* How much there is. */
struct spool_sum {
    uint64_t events, bytes, last_id;
};

/*
 * Opens FOLDER/spool.db.  Blocks: for the start only.  NULL and `*error` where that cannot be;
 * `*ret_damaged` says that a damaged one was set aside.
 */
struct spool *spool_open(struct loop *loop, const char *folder, bool *ret_damaged,
                         struct error *error);
void spool_close(struct spool *spool, unsigned ms); /* NULL is fine */

/* A new block's id: greater than all before it, also of earlier processes. */
uint64_t spool_next_id(struct spool *spool);

/* Answers: `status` is zero, -ENOSPC, -EUCLEAN (all that was kept is gone), or another -errno. */
typedef void spool_done_fn(int status, void *data);
typedef void spool_sum_fn(int status, const struct spool_sum *sum, void *data);
typedef void spool_loaded_fn(int status, struct list *blocks, void *data);

/* What waits for a sink. */
void spool_open_sink(struct spool *spool, const char *sink, spool_sum_fn *fn, void *data);

/* Writes `count` blocks, which stay the caller's and are left alone until `fn`. */
void spool_put(struct spool *spool, const char *sink, struct block *const *blocks, size_t count,
               spool_done_fn *fn, void *data);

/* All up to `id` is done; of the block `rest` (NULL: none), which is copied, that much is left. */
void spool_take_off(struct spool *spool, const char *sink, uint64_t id, const struct block *rest,
                    spool_done_fn *fn, void *data);

/* Reads the oldest blocks after `after`, about `bytes` of them; the caller gets them, as KEPT. */
void spool_load(struct spool *spool, const char *sink, uint64_t after, size_t bytes,
                spool_loaded_fn *fn, void *data);

/*
 * Drops the oldest blocks after `after`: as many as make up `bytes`, and what is older than
 * `before_ms`.  The sum is of what was dropped.
 */
struct spool_trim {
    uint64_t after, bytes;
    int64_t before_ms;
};
void spool_trim(struct spool *spool, const char *sink, struct spool_trim trim, spool_sum_fn *fn,
                void *data);

/* Keeps what nobody took, with why, if it can; the oldest go where these make more than 16 MiB. */
void spool_set_aside(struct spool *spool, const char *sink, int64_t wall_ms, const char *why,
                     const char *lines, size_t len);

/* One of these. */
struct spool_aside {
    uint64_t id;
    int64_t wall_ms;  /* when it was refused */
    char *sink, *why; /* what the receiver said */
    char *line;       /* the event, without its newline */
    size_t len;
};
struct spool_aside_list {
    struct spool_aside *all; /* the oldest of them */
    size_t count;
    uint64_t found, last; /* how many there are at all, and the newest one's id */
};

/* Which of them. */
struct spool_aside_choice {
    const char *sink;      /* NULL: of every one */
    uint64_t id;           /* this one; zero: any */
    uint64_t after, up_to; /* of those behind that one, as far as that one; zero: any */
    size_t most, bytes;    /* for a list: how many, and about how much of them, at most */
};

/* Reads them; `list` is valid for the call.  False, and `fn` is not called: the disk is too busy. */
typedef void spool_aside_fn(int status, const struct spool_aside_list *list, void *data);
bool spool_list_aside(struct spool *spool, const struct spool_aside_choice *choice,
                      spool_aside_fn *fn, void *data);

/* Drops these `count` ids of the choice, or where that is zero all of it; the same otherwise. */
typedef void spool_aside_dropped_fn(int status, uint64_t dropped, void *data);
bool spool_drop_aside(struct spool *spool, const struct spool_aside_choice *choice,
                      const uint64_t *ids, size_t count, spool_aside_dropped_fn *fn, void *data);

/* How many lie aside for a sink (NULL: for all), as far as is known on the loop. */
uint64_t spool_count_aside(const struct spool *spool, const char *sink);

/* Drops what waits for sinks that are none of `names` (ended by NULL; copied) and is older. */
void spool_forget_strangers(struct spool *spool, const char *const *names, int64_t before_ms,
                            spool_sum_fn *fn, void *data);

#endif
