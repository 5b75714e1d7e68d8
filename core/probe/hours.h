/*
 * hours - when a check is graded: "active: {hours: 07:00-23:00, days: MON-FRI, tz: Europe/London}".
 *
 * The clock on the wall decides: an hour that comes twice counts twice, and one that is skipped
 * does not come.  Hours that end before they begin go on past midnight, and belong to the day on
 * which they began.
 *
 * Layer: probe.  Uses: base/zone.
 */
#ifndef PROBE_HOURS_H
#define PROBE_HOURS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/zone.h"

struct hours {
    int from, to;      /* minutes of the day; the same: all of it */
    unsigned days;     /* bit 0: Monday; zero: all */
    struct zone *zone; /* NULL: UTC */
};

/* "07:00-23:00"; to 24:00 at most.  Zero, or -EINVAL. */
int hours_parse(const char *text, struct hours *hours);

/* Adds "MON-FRI", "SAT", "SAT-MON" or several of them, "MON-FRI,SUN".  Zero, or -EINVAL. */
int hours_add_days(const char *text, struct hours *hours);

bool hours_hold(const struct hours *hours, int64_t wall_ms);

#endif
