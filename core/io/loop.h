/*
 * loop - the one thread on which everything happens, and its clocks.
 *
 * A loop turns descriptors and timers (io/wait.h) into callbacks.  Tests drive the clock by hand:
 * after loop_drive() time stands still, and loop_advance() moves it on and fires what is due, in
 * order, so that an hour takes a millisecond.
 *
 * Layer: io.  Uses: base, libuv.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct loop;
struct timer;

/* Created on the thread that will run it. */
struct loop *loop_create(void);

/*
 * Closes what is left and frees the loop.  Returns how many handles nobody had closed: zero, or
 * somebody leaks; tests hold it to zero.
 */
int loop_destroy(struct loop *loop);

/* Runs until loop_stop(), or until nothing is left to wait for. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Runs until `*done` is true or `ms` real milliseconds have passed; returns *done.  For tests. */
bool loop_run_until(struct loop *loop, const bool *done, uint64_t ms);

/* Microseconds on a clock that never goes back, as of the moment of the call. */
uint64_t loop_now_us(const struct loop *loop);

/* Milliseconds since 1970.  It may jump. */
int64_t loop_wall_ms(const struct loop *loop);

/* How long the loop stood between being due and turning, at worst since the last call: its lag. */
uint64_t loop_take_lag_us(struct loop *loop);

/* The same since the loop was made: how many timers fired, and how late they were together. */
struct loop_lag {
    uint64_t fired, total_us;
};
struct loop_lag loop_lag(const struct loop *loop);

/* Stops the clocks, and says what they show: monotonic and wall time in milliseconds. */
void loop_drive(struct loop *loop, uint64_t now_ms, int64_t wall_ms);

/* Moves driven clocks on, firing each timer at its time; descriptors are polled between them. */
void loop_advance(struct loop *loop, uint64_t ms);

/* When the next timer is due, on the clock of loop_now_us(); UINT64_MAX: none is pending. */
uint64_t loop_due_us(const struct loop *loop);

/* For io/ only. */
uv_loop_t *loop_uv(struct loop *loop);
void loop_add_timer(struct loop *loop, struct timer *timer);
void loop_remove_timer(struct loop *loop, struct timer *timer);

#endif
