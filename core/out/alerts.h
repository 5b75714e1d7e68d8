/*
 * alerts - what is to be told to Alertmanager: one alert for each subject that is not ok.
 *
 * An alert is its labels: a subject that turns from warning to critical ends one and begins another.
 * What has ended is told as such until every instance knows, for fifteen minutes at most.  At most
 * ALERTS_MOST of them; more are counted, and not told.
 *
 * Layer: out.  Uses: base, out/view, probe/event.
 */
#ifndef OUT_ALERTS_H
#define OUT_ALERTS_H

#include <stdint.h>

#include "probe/event.h"

enum { ALERTS_MOST = 5000, ALERTS_MOST_INSTANCES = 32 };

struct alerts;

struct alerts *alerts_create(unsigned instances);
void alerts_destroy(struct alerts *alerts); /* NULL is fine */

/* Takes a finding in; whether anything is to be told at once.  Other events mean nothing here. */
bool alerts_take(struct alerts *alerts, const struct event *event);

/*
 * Writes all of it as a body of POST /api/v2/alerts; what goes on ends at `until_wall_ms`,
 * unless it is told again.  Returns what alerts_told() is to be given.
 */
uint64_t alerts_write(const struct alerts *alerts, int64_t until_wall_ms, struct text *out);

/* An instance knows all that alerts_write() wrote then. */
void alerts_told(struct alerts *alerts, unsigned instance, uint64_t what);

/* Forgets what ended more than a quarter of an hour ago, whoever knows of it. */
void alerts_expire(struct alerts *alerts, int64_t wall_ms);

size_t alerts_count(const struct alerts *alerts);  /* ended ones too */
size_t alerts_ending(const struct alerts *alerts); /* ended, and not told to everybody */
uint64_t alerts_left_out(const struct alerts *alerts);

#endif
