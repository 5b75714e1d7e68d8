/*
 * delivery - one sink with a queue at work: batches, pauses, what is refused, what is said of it.
 *
 * At least once, in order: a parcel is carried until it is taken, and the next one follows once the
 * disk has forgotten it; so a killed process sends again the last parcel that was not acknowledged,
 * and nothing else.  `boot` and `seq` of an event tell a repetition.
 *
 * A parcel goes when `batch.count` or `batch.bytes` are there, or the oldest event is `batch.age`
 * old.  After SINK_LATER comes a pause: random below a ceiling that doubles (full jitter), never
 * shorter than the receiver asked for.  A refused parcel is split in halves until what is wrong is
 * alone; that event is set aside, in quarantine, and the others go on.  Where a receiver refuses one
 * event after the other it is not the events: each further one costs a pause.
 *
 * Said by agent events, which do not go through the sink itself: `sink_down` (after 10 s, at most
 * every 5 min), `sink_up`, `sink_quarantined`.  `dropped`, which says how many the bounds cost, goes
 * to all, once the receiver takes again.
 *
 * Layer: out.  Uses: base, io/wait, out/queue, out/sink.
 */
#ifndef OUT_DELIVERY_H
#define OUT_DELIVERY_H

#include "out/queue.h"
#include "out/receipts.h"
#include "out/sink.h"

struct delivery;

struct delivery_wish {
    struct loop *loop;
    struct bus *bus;
    struct spool *spool; /* NULL: memory alone */
    const struct config_sink *sink;
    struct receipts *receipts; /* who waits for an event to be taken; NULL: nobody does */
    queue_disk_fn *disk;       /* what becomes of the spool */
    void *data;
};

struct delivery *delivery_open(const struct delivery_wish *wish);

/* The same queue, another configuration: what was under way is begun again. */
void delivery_change(struct delivery *delivery, const struct config_sink *sink);

/* What the kind has open is opened anew. */
void delivery_reopen(struct delivery *delivery);

void delivery_hear(struct delivery *delivery, const struct event *event);

/* Somebody waits for an event of it: an attempt is made at once, unless the receiver wants a pause. */
void delivery_expedite(struct delivery *delivery);

/* An event that was refused before, once more: it is the last one now. */
void delivery_resend(struct delivery *delivery, const char *line, size_t len);

/* From now on nothing waits for its batch to fill, and one more attempt is made at once. */
void delivery_hurry(struct delivery *delivery);

/* Whether nothing waits any more; whether nothing would be lost if it ended now. */
bool delivery_is_idle(const struct delivery *delivery);
bool delivery_is_safe(const struct delivery *delivery);

void delivery_count(const struct delivery *delivery, struct sink_counts *ret_counts);

/* Ends what is under way.  `drop`: what waits goes, too.  Returns how many events are lost. */
uint64_t delivery_close(struct delivery *delivery, bool drop);

#endif
