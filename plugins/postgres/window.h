/*
 * window - what counters have grown by in the last minutes.
 *
 * A deadlock is worth more than one interval of attention, so checks of rare events look at a span
 * of time that slides, not at what came since the last run.  Pure; lives in a check's memory.
 */
#ifndef POSTGRES_WINDOW_H
#define POSTGRES_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WINDOW_VALUES = 8, WINDOW_READINGS = 12 };

struct window_reading {
    int64_t at_ms;
    int64_t values[WINDOW_VALUES];
};

/* Zeroed: nothing is known. */
struct window {
    size_t count;
    struct window_reading readings[WINDOW_READINGS]; /* oldest first; the last is the latest */
};

/*
 * Takes a reading.  The oldest one that is kept is the youngest of those that are `span_ms` old, or
 * older.  A counter that went down was reset: then all that was known is forgotten.
 */
void window_add(struct window *window, int64_t span_ms, const struct window_reading *reading);

/* Whether there is something to compare the latest reading with. */
bool window_known(const struct window *window);

/* By how much a value has grown, and over how long. */
int64_t window_grown(const struct window *window, size_t value);
int64_t window_ms(const struct window *window);

#endif
