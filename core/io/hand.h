/*
 * hand - a thread of its own for what may hang: one job at a time, over one piece of state.
 *
 * The pool (io/work) is for computing; a file on a disk that does not answer, or a library that
 * blocks, would take a place of it for good.  A hand that hangs costs itself alone.  The loop writes
 * into the state what is to be done, and reads what came of it, while nothing is under way; between
 * hand_do() and its answer the state is the thread's.
 *
 * Layer: io.  Uses: base, libuv.
 */
#ifndef IO_HAND_H
#define IO_HAND_H

#include <stdbool.h>

struct loop;
struct hand;

/* On the thread: a job, whose result is told to `done`; and the state's end, which frees it. */
typedef int hand_work_fn(void *state);
typedef void hand_drop_fn(void *state);

/* Back on the loop. */
typedef void hand_done_fn(int status, void *data);

/* The hand owns `state` from now on.  NULL, and it stays the caller's: no thread can be started. */
struct hand *hand_open(struct loop *loop, hand_work_fn *work, hand_drop_fn *drop, void *state);

/* Does a job; `done` is called once, later, unless the hand is closed before.  Not while at work. */
void hand_do(struct hand *hand, hand_done_fn *done, void *data);

/* Whether the state is the thread's just now. */
bool hand_at_work(const struct hand *hand);

/*
 * Ends it, `drop` included, waiting `ms` at most: a job that hangs longer is left to itself, and the
 * state is dropped when it returns (io/thread, thread_leave).  NULL is fine.
 */
void hand_close(struct hand *hand, unsigned ms);

#endif
