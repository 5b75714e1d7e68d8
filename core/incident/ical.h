/*
 * ical - when the events of a calendar are (iCalendar, RFC 5545).
 *
 * Events, whole days too, with RRULE, RDATE, EXDATE, and single ones that were moved or called off (RECURRENCE-ID,
 * STATUS:CANCELLED).  Local times are those of their TZID, an IANA name, or of the zone that the caller names: what
 * is to begin in an hour that is skipped begins by the offset before it, in one that comes twice the first time.
 * What would be understood in part only (a rule by the hour, a zone of the calendar's own, RANGE) is refused:
 * a freeze that is not seen is worse than one too many.
 *
 * Pure but for the files of tzdata; any bytes are fine; meant for the pool.  Layer: incident.  Uses: base,
 * probe/window, incident/ical_library.
 */
#ifndef INCIDENT_ICAL_H
#define INCIDENT_ICAL_H

#include <stddef.h>

#include "base/error.h"
#include "base/zone.h"
#include "probe/window.h"

enum { ICAL_MOST_BYTES = 4 << 20, ICAL_MOST_EVENTS = 5000, ICAL_MOST_SPANS = 20000 };

struct ical_spans {
    struct window_span *all; /* in order, apart from one another; owned */
    size_t count;
};

struct ical_wish {
    const char *path; /* for messages: "PATH:LINE: ..." */
    const char *bytes;
    size_t len;
    const struct zone *zone;     /* of times without one; NULL: UTC */
    int64_t from_ms, until_ms;   /* what is over before, or begins after, is left out */
    int64_t before_ms, after_ms; /* by which each is longer */
};

/* Zero, or why it cannot be understood, with its line; `ret` is then empty. */
int ical_read(const struct ical_wish *wish, struct ical_spans *ret, struct error *error);
void ical_free(struct ical_spans *spans);

#endif
