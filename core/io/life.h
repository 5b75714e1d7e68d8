/*
 * life - what operations belong to, so that ending one thing ends all that it began.
 *
 * Every operation (a timer, a request, a stream) is a `struct op` in the list of its life.
 * Ending a life ends its operations in the order in which they were started; a deadline is a life
 * ended by a timer.  Nobody else cleans up.
 *
 *     life_end(&run->life, -ETIMEDOUT)   each operation is called back, once, with that status
 *     life_drop(&run->life)              each is forgotten, silently
 *
 * An operation that is started in a life that has ended is called back with -ECANCELED, later.
 *
 * Layer: io.  Uses: base, io/loop, io/wait.
 */
#ifndef IO_LIFE_H
#define IO_LIFE_H

#include <stdbool.h>

#include "base/blame.h"
#include "base/list.h"

struct loop;
struct op;

/* What a kind of operation does when it is ended from outside. */
struct op_kind {
    const char *name; /* for messages: "http" */
    /* Calls back with `status`, then frees.  The op is out of its life's list already. */
    void (*end)(struct op *op, int status);
    /* Frees without a word. */
    void (*drop)(struct op *op);
};

/* The first member of every operation's struct. */
struct op {
    struct list link; /* in its life */
    struct life *life;
    const struct op_kind *kind;
};

struct life {
    struct loop *loop;
    struct list ops;
    struct list leaving;       /* those that life_end() is calling back */
    bool ended;                /* nothing may be started any more */
    bool ending;               /* life_end() is at work */
    const struct blame *owner; /* whose callbacks are called; NULL: ours */
};

void life_init(struct life *life, struct loop *loop);

/* Calls back every operation with `status`; what is started meanwhile gets -ECANCELED. */
void life_end(struct life *life, int status);

/*
 * Forgets every operation.  Also within life_end(), by one of the callbacks, which ends it; and
 * once more before the life's memory is freed.
 */
void life_drop(struct life *life);

/*
 * For kinds of operations.  op_begin() enters `op` into `life`; op_leave() takes it out again, as
 * the first step of calling back for the last time, or of being dropped.
 */
void op_begin(struct op *op, struct life *life, const struct op_kind *kind);
void op_leave(struct op *op);

/* Ends one operation silently.  NULL is fine. */
void op_cancel(struct op *op);

/*
 * An operation that can only fail: `fn` is called with `status` later, once.  For bad arguments,
 * and for what is started in a life that has ended.
 */
typedef void op_failed_fn(int status, void *data);
struct op *op_fail(struct life *life, int status, op_failed_fn *fn, void *data);

#endif
