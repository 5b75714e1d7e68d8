/*
 * wait - timers, and watches on descriptors.
 *
 * A timer is a plain struct inside whatever waits: starting and stopping it allocates nothing.
 * A watch hides libuv's deferred closing: once destroyed it is silent and its descriptor may be
 * closed.
 *
 * Layer: io.  Uses: base, io/loop.
 */
#ifndef IO_WAIT_H
#define IO_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

typedef void timer_fn(void *data);

/* Zeroed at first; not to be moved or freed while it is pending. */
struct timer {
    struct loop *loop; /* NULL: not pending */
    uint64_t due_us;
    uint64_t order; /* of two that are due together the first started fires first */
    size_t slot;    /* where it stands in the loop's agenda */
    bool at_once;   /* started without delay */
    timer_fn *fn;
    void *data;
};

/* Calls `fn` once, `ms` from now, never before this call has returned.  Starting again moves it. */
void timer_start(struct timer *timer, struct loop *loop, uint64_t ms, timer_fn *fn, void *data);
void timer_start_us(struct timer *timer, struct loop *loop, uint64_t us, timer_fn *fn, void *data);
void timer_stop(struct timer *timer);
bool timer_pending(const struct timer *timer);

enum { WATCH_READABLE = 1u, WATCH_WRITABLE = 2u };

/* `status` is below zero where the descriptor cannot be watched; then `events` is zero. */
typedef void watch_fn(int status, unsigned events, void *data);

struct watch;

/* The descriptor stays the caller's, and open until watch_destroy(). */
struct watch *watch_create(struct loop *loop, int fd, unsigned events, watch_fn *fn, void *data);
void watch_change(struct watch *watch, unsigned events); /* zero pauses it */
void watch_destroy(struct watch *watch);                 /* NULL is fine */

#endif
