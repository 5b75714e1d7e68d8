/*
 * progress - which events of a parcel the receiver has already, where it took some and not others.
 *
 * A parcel that was not taken as a whole is carried again, by and by with others behind it, or in halves.
 * What was `done` of it is not sent again: events are known by boot and seq, in the order of the queue,
 * from whose front every parcel is, until the queue has let go of them.
 *
 * Layer: out.  Uses: base, out/sink, out/view.
 */
#ifndef OUT_PROGRESS_H
#define OUT_PROGRESS_H

#include "out/sink.h"

struct progress_event {
    char boot[40];
    int64_t seq;
    bool done; /* the receiver has it */
};

/* Zeroed at first. */
struct progress {
    struct progress_event *events; /* the parcel's, then what an earlier one had beyond them */
    size_t parcel, count;          /* of the parcel; of both */
};

/* Another parcel is carried; what of it was done before is done. */
void progress_begin(struct progress *progress, const struct sink_parcel *parcel);

/* All of the parcel is off the queue: nothing of it comes again. */
void progress_taken(struct progress *progress);

void progress_finish(struct progress *progress);

#endif
