/*
 * windows - spans of time in which nothing is changed, or in which findings are kept from people.
 *
 *     guard:
 *       freeze:
 *         windows:
 *           - {name: friday-onsale, cron: "45 9 * * FRI", for: 90m, tz: Europe/Amsterdam, reason: weekly on-sale}
 *           - {name: onsale, calendar: /etc/runbookd/onsale.ics, before: 15m, after: 1h, tz: Europe/London}
 *           - {name: nights, hours: "22:00-06:00", days: MON-THU, tz: Europe/London}
 *     silences:
 *       windows:
 *         - {name: pg-maintenance, cron: "30 4 * * SUN", for: 45m, tz: Europe/London, match: {target: pg},
 *            except: {check: [cert.*]}, remediate: false}
 *
 * A freeze window is of everything.  A silence window is of what `match` names and `except` does not; while it holds
 * remediations wait as well, unless `remediate` says otherwise.
 *
 * Pure but for reading; the caller says what time it is.  Layer: incident.  Uses: probe/window, schema.
 */
#ifndef INCIDENT_WINDOWS_H
#define INCIDENT_WINDOWS_H

#include "base/writer.h"
#include "incident/silence.h"
#include "probe/schema.h"
#include "probe/window.h"

enum { WINDOWS_MOST = 100 };

/* Patterns: any of each list; an empty one fits everything. */
struct window_match {
    const char *const *targets, *const *names, *const *subjects, *const *checks;
    const char *const *labels; /* name, value, ..., NULL: all of them */
    bool written;              /* it names something */
};

struct named_window {
    const char *name, *reason; /* reason NULL: none is written */
    struct window when;
    const char *calendar,
        *tz; /* a file that says when it is, and the zone as written; NULL: none */
    int64_t before_ms, after_ms;       /* by which each of its events is longer */
    struct window_match match, except; /* of silences */
    bool remediate;
};

/* In the schema's arena. */
struct windows {
    struct named_window *all;
    size_t count;
};

/* Whether it cannot be told when it is: its calendar was not read.  A freeze then holds, a silence does not. */
bool windows_is_unknown(const struct named_window *window);

/* What a window may hold, beside hours, days and tz; of silences the second one as well. */
extern const struct probe_option window_options[], window_silence_options[];

/* Reads a list of freeze windows, or of silence windows; what is wrong is told.  `list` may be NULL. */
void windows_read_freezes(struct schema *schema, const struct node *list, const char *path,
                          struct windows *windows);
void windows_read_silences(struct schema *schema, const struct node *list, const char *path,
                           struct windows *windows);

/* The one that freezes now and ends last, or NULL.  `ret_until_ms` zero: it has no end that is known. */
const struct named_window *windows_freeze(const struct windows *windows, int64_t now_ms,
                                          int64_t *ret_until_ms);

/* When the next one begins that does not hold now, and which; NULL: none within a year. */
const struct named_window *windows_next(const struct windows *windows, int64_t now_ms,
                                        int64_t *ret_begins_ms);

/* The first that holds now and is about this; `acting`: of those in which remediations wait. */
const struct named_window *windows_silence(const struct windows *windows,
                                           const struct silence_matter *matter, bool acting,
                                           int64_t now_ms);

/* Writes {"window": ..., "until": ..., "reason": ...} of each silence window that holds, into the open array. */
void windows_write(const struct windows *windows, int64_t now_ms, struct writer *writer);

#endif
