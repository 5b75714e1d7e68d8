/*
 * store - a SQLite database on a thread of its own, behind an ordered, bounded queue.
 *
 * The loop never waits for a disk: it queues work, which runs on the store's thread in the order in
 * which it came, and is told on the loop how it went.  Everything that waits when the thread turns
 * to it goes into one transaction.  Write-ahead log, synchronous=FULL: what was told to be committed
 * is there after a killed process and after a power loss.  A `renewed` one is synchronous=NORMAL: after a
 * power loss its last commits may be missing.
 *
 * A database that is damaged is set aside as FILE.damaged-TIME, said, and begun anew: at the start,
 * and, where that is wished, at work.  Two processes never share one: the second one is refused.
 *
 * Layer: io.  Uses: base, libuv, SQLite, io/loop.
 */
#ifndef IO_STORE_H
#define IO_STORE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct loop;
struct store;

/* Runs on the store's thread, inside a transaction; zero, or a negative errno value to undo it. */
typedef int store_work_fn(sqlite3 *db, void *data);

/* Back on the loop: zero once it is committed, or why not; -ENOSPC: the disk is full. */
typedef void store_done_fn(int status, void *data);

struct store_wish {
    const char *folder;
    const char *name;   /* FOLDER/NAME.db ... */
    const char *lock;   /* ... locked by FOLDER/LOCK */
    const char *what;   /* for people: "state" */
    const char *schema; /* statements that may run every time */
    /*
     * Large, and not read through at the start: damage shows at work, is set aside by the thread, and
     * the work that met it gets -EUCLEAN; whatever was in there is gone.
     */
    bool renewed;
};

/*
 * Opens or makes it.  Blocks: for the start only.  NULL and `*error` where that cannot be.
 * `*ret_damaged` (may be NULL) says that a damaged one was set aside.
 */
struct store *store_open_as(struct loop *loop, const struct store_wish *wish, bool *ret_damaged,
                            struct error *error);

/* The state's, FOLDER/state.db, locked by FOLDER/lock. */
struct store *store_open(struct loop *loop, const char *folder, const char *schema,
                         bool *ret_damaged, struct error *error);

/*
 * Queues work; `done` (may be NULL) is called once, later.  False, and `done` is not called, where
 * the queue is full: ask store_waiting(), and say so.
 */
bool store_do(struct store *store, store_work_fn *work, store_done_fn *done, void *data);

/*
 * The same for work that only reads: in its turn, but in a transaction of its own.  So a disk that
 * is full, which a commit together with others finds out, does not keep anybody from reading.
 */
bool store_read(struct store *store, store_work_fn *work, store_done_fn *done, void *data);

/* Does work at once, on the calling thread, while nothing is queued: for the start and the end. */
int store_do_now(struct store *store, store_work_fn *work, void *data);

size_t store_waiting(struct store *store);

/*
 * Finishes what is queued, and closes, within `ms`.  Then what has not begun is given up (its `done`
 * gets -ETIMEDOUT); a transaction under way, as on a disk that does not answer, is left to itself: its
 * `done` are not called any more, and their data stay as they are.
 */
void store_close(struct store *store, unsigned ms);

/* The errno value for an SQLite result: SQLITE_FULL is -ENOSPC, SQLITE_CORRUPT -EUCLEAN, ... */
int store_status(int sqlite_code);

#endif
