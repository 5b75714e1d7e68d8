/*
 * window - spans of time that come again, or once: of freezes and silences.
 *
 *     hours: "22:00-06:00", days: FRI-SUN        every such night
 *     cron: "45 9 * * FRI", for: 90m             from each such minute on, for so long
 *     from: "2026-12-20", until: "2027-01-02 08:00"
 *     calendar: /etc/runbookd/onsale.ics         spans that somebody else reads (incident/calendar)
 *
 * All of them by the clock on the wall of a time zone.  A beginning by cron that is skipped, as clocks are put
 * forward, comes with the first minute thereafter; one that comes twice begins twice.  Hours are as in
 * probe/hours: what is skipped does not come.
 *
 * Pure; looks as far ahead as a year.  Layer: probe.  Uses: base, probe/hours.
 */
#ifndef PROBE_WINDOW_H
#define PROBE_WINDOW_H

#include <stddef.h>

#include "base/error.h"
#include "probe/hours.h"

#define WINDOW_LONGEST_MS (INT64_C(7) * 24 * 3600 * 1000) /* of "for" */

/* "45 9 * * FRI": bit n of a field is its value n; `any_`: the field is a star. */
struct cron {
    uint64_t minutes;
    uint32_t hours, days;
    uint16_t months;
    uint8_t weekdays; /* bit 0: Monday, as in struct hours */
    bool any_day, any_weekday;
};

enum window_kind { WINDOW_HOURS, WINDOW_CRON, WINDOW_DATES, WINDOW_SPANS };

struct window_span {
    int64_t from_ms, until_ms; /* until_ms is no longer in it */
};

/* What a calendar says, for as far as it was read ahead.  Whoever reads it owns what it points to. */
struct window_spans {
    const struct window_span *all; /* in order, apart from one another */
    size_t count;
    bool known;          /* it could be read */
    const char *trouble; /* why not; NULL: it was not looked at yet */
};

struct window {
    enum window_kind kind;
    struct hours hours; /* its zone counts for all kinds */
    struct cron cron;
    int64_t for_ms;             /* of cron */
    int64_t from_ms, until_ms;  /* of dates; until_ms is no longer in it */
    struct window_spans *spans; /* of a calendar; borrowed */
};

/*
 * Minute, hour, day of the month, month, day of the week: numbers, names of months and days, lists, spans and
 * steps ("MON-FRI", "0,30", "8-18/2").  Where both days are limited, either of them is enough.  Zero, or -EINVAL
 * and which field is wrong.
 */
int cron_parse(const char *text, struct cron *cron, struct error *error);

/* "2026-12-20" or "2026-12-20 08:00" of the zone's clock (NULL: UTC).  Zero, or -EINVAL. */
int window_parse_date(const char *text, const struct zone *zone, int64_t *ret_wall_ms);

/* Whether it is now.  `ret_until_ms` (may be NULL): when it ends; zero: not within a year. */
bool window_holds(const struct window *window, int64_t wall_ms, int64_t *ret_until_ms);

/* When it begins next, after now; zero: not within a year. */
int64_t window_begins(const struct window *window, int64_t wall_ms);

#endif
