/*
 * agenda - the timers that are pending, by what is due first.
 *
 * Of two that are due together the first started comes first.  Half of all are started without delay:
 * those wait in a queue, in the order in which they came, which is also that in which they are due;
 * the others are in a heap.
 *
 * Layer: io.  Uses: base, io/wait (the struct only).
 */
#ifndef IO_AGENDA_H
#define IO_AGENDA_H

#include <stddef.h>
#include <stdint.h>

struct timer;

/* Holds what orders it: looking a timer up in memory, for each step, would be most of the cost. */
struct slot {
    uint64_t due_us, order;
    struct timer *timer;
};

/* Zeroed at first. */
struct agenda {
    struct slot *heap; /* by (due_us, order), four children a parent */
    size_t count, room;
    struct timer **queue; /* a ring, its room a power of two; NULL in it: that one was stopped */
    size_t queue_room, head, tail;
};

/*
 * Adds one that is in none, by its due_us, order and at_once, which stay as they are while it is in.
 * Of those that are at once none is due before one that is in already.
 */
void agenda_add(struct agenda *agenda, struct timer *timer);
void agenda_remove(struct agenda *agenda, const struct timer *timer);

/* NULL: there is none. */
struct timer *agenda_first(const struct agenda *agenda);

/* How many there were. */
int agenda_finish(struct agenda *agenda);

#endif
