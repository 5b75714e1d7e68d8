/*
 * queue - a sink's events in order: in memory, and, where there is a spool, on disk.
 *
 *     front                 middle              back
 *     in memory, on disk    on disk alone       in memory, on its way to the disk
 *     oldest ------------------------------------------------------------> newest
 *
 * An event is written to disk at once, together with what came while the disk was busy, and is
 * deleted once it was delivered; what a receiver takes as fast as it comes is never read back.
 * Without a spool, and while the disk takes nothing, everything is in the back.
 *
 * Bounds: of the memory a quarter for the front, the rest (without a spool all) for the back; the
 * disk's bytes; the age.  What does not fit costs the oldest: on disk those that are not under way,
 * in the back those that are not on disk yet.  All that is dropped is counted.
 *
 * Layer: out.  Uses: base, io/wait, probe/config, out/sink, out/spool.
 */
#ifndef OUT_QUEUE_H
#define OUT_QUEUE_H

#include "out/sink.h"
#include "out/spool.h"
#include "probe/config.h"

struct queue;

/* Something has changed for whoever takes: events are there, or the last ones are off the disk. */
typedef void queue_fn(void *data);

/* What became of the disk: zero, it takes again; -EUCLEAN: what was on it is gone; else it failed. */
typedef void queue_disk_fn(int status, void *data);

struct queue_wish {
    struct loop *loop;
    struct spool *spool; /* NULL: memory alone */
    const char *sink;
    const struct config_queue *bounds;
    queue_fn *changed;
    queue_disk_fn *disk;
    void *data;
};

struct queue *queue_create(const struct queue_wish *wish);

/* Other bounds from now on; copied. */
void queue_set_bounds(struct queue *queue, const struct config_queue *bounds);

/* Nothing more is told; what the disk still does is waited for, then it is freed.  NULL is fine. */
void queue_close(struct queue *queue);

/* Adds an event: a line without its newline. */
void queue_add(struct queue *queue, const char *line, size_t len);

/* Some of the oldest events, copied; zeroed at first, freed by queue_parcel_finish(). */
struct queue_parcel {
    struct sink_parcel face;
    struct text lines;
    uint64_t whole; /* the last block that is in it as a whole; zero: none is ... */
    uint64_t begun; /* ... else its one block, of which it has the beginning */
};

/*
 * Takes the oldest events, `count` and `bytes` at most but one at least.  False: there are none, or
 * the disk is at work on them or on the last ones; changed() says when it is done.
 * They stay in the queue until queue_taken_off(), and are not dropped before that or queue_put_back().
 */
bool queue_take(struct queue *queue, size_t count, size_t bytes, struct queue_parcel *parcel);
void queue_put_back(struct queue *queue);
void queue_taken_off(struct queue *queue, const struct queue_parcel *parcel);
void queue_parcel_finish(struct queue_parcel *parcel);

/* Events and bytes that wait; when the oldest of them that is in memory came, zero: none is. */
struct queue_sum {
    uint64_t events, bytes;
    int64_t oldest_ms;
};
struct queue_sum queue_waiting(const struct queue *queue);

/* How many were dropped so far, and how many would be lost if the process ended now. */
uint64_t queue_dropped(const struct queue *queue);
uint64_t queue_unsafe(const struct queue *queue);

/* Drops all that waits, counted. */
void queue_drop_all(struct queue *queue);

#endif
