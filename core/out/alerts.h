/*
 * alerts - what is to be told to Alertmanager: one alert for each subject that is not ok, for each
 * plan that waits, and for each remediation that needs a person.
 *
 * An alert is its labels: a subject that turns from warning to critical ends one and begins another.
 * What has ended is told as such until every instance knows, for fifteen minutes at most.  A plan
 * that waits ends when it was decided on or expires; a remediation that needs a person when the
 * finding that began it is ok, when a later step says that all is well, or after an hour.  At most
 * ALERTS_MOST of them; more are counted, and not told.
 *
 * Layer: out.  Uses: base, out/alert, out/view, probe/event.
 */
#ifndef OUT_ALERTS_H
#define OUT_ALERTS_H

#include <stdint.h>

#include "probe/event.h"

enum { ALERTS_MOST = 5000, ALERTS_MOST_INSTANCES = 32 };

struct alerts;

/* Both texts are borrowed: the sink's name, and its "labels:" (out/alert_labels) or NULL. */
struct alerts *alerts_create(unsigned instances, const char *sink, const char *labels);
void alerts_destroy(struct alerts *alerts); /* NULL is fine */

/* Takes an event in; whether anything is to be told at once. */
bool alerts_take(struct alerts *alerts, const struct event *event);

/* Whatever is told of the event's matter is over: this status is not to be told. */
bool alerts_end(struct alerts *alerts, const struct event *event);

/*
 * Writes all of it as a body of POST /api/v2/alerts; what goes on ends at `until_wall_ms`,
 * unless it is told again.  Returns what alerts_told() is to be given.
 */
uint64_t alerts_write(const struct alerts *alerts, int64_t until_wall_ms, struct text *out);

/* An instance knows all that alerts_write() wrote then. */
void alerts_told(struct alerts *alerts, unsigned instance, uint64_t what);

/* Ends what has had its time; forgets what ended more than a quarter of an hour ago, whoever knows. */
void alerts_expire(struct alerts *alerts, int64_t wall_ms);

size_t alerts_count(const struct alerts *alerts);  /* ended ones too */
size_t alerts_ending(const struct alerts *alerts); /* ended, and not told to everybody */
uint64_t alerts_left_out(const struct alerts *alerts);

#endif
