/*
 * ical_parts - what the files of incident/ical share.
 *
 *     ical.c         a calendar, from its bytes to spans
 *     ical_lines.c   lines, to events
 *     ical_expand.c  one event, to when it is
 *
 * Layer: incident.  Only for ical*.c.
 */
#ifndef INCIDENT_ICAL_PARTS_H
#define INCIDENT_ICAL_PARTS_H

#include <stdbool.h>

#include "incident/ical.h"

/* A time as it is written. */
struct ical_stamp {
    bool set, date, utc;
    const struct zone *zone; /* of a TZID; NULL: the caller's */
    int64_t local;           /* seconds since 1970, on that clock */
    unsigned line;
};

struct ical_event {
    unsigned line;
    char *uid, *rule;
    unsigned rule_line;
    struct ical_stamp start, end, replaces; /* `replaces`: RECURRENCE-ID */
    int64_t duration;                       /* seconds; below zero: none is written */
    bool cancelled;
    struct ical_stamp *more, *except; /* RDATE, EXDATE */
    size_t more_count, except_count;
};

struct ical_zone {
    char *name;
    struct zone *zone;
};

struct ical_book {
    const struct ical_wish *wish;
    struct error *error;
    struct ical_event *events;
    size_t event_count;
    struct ical_zone *zones;
    size_t zone_count;
    struct ical_spans spans;
    size_t room; /* for spans */
};

/* "PATH:LINE: ..."; -EINVAL. */
__attribute__((format(printf, 3, 4))) int ical_wrong(struct ical_book *book, unsigned line,
                                                     const char *fmt, ...);

/* ---- ical_lines.c ---- */

/* Zero, or -EINVAL: every event of the calendar, without looking at when it is. */
int ical_read_events(struct ical_book *book);

/* ---- ical_expand.c ---- */

/* Seconds since 1970 in UTC. */
int64_t ical_moment(const struct ical_book *book, const struct ical_stamp *stamp);

/* Adds when one event is.  Zero, or why that cannot be told. */
int ical_expand(struct ical_book *book, const struct ical_event *event);

#endif
