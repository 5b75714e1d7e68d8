/*
 * calendar - the calendars of windows, read and kept up to date.
 *
 * Each file is looked at every 10 s, by a process that may hang instead of us, and read anew on the pool when it
 * has changed, and once an hour, since it is read a year ahead.  A file that cannot be read, or understood, says
 * nothing from then on, and its window says why: a freeze then holds, a silence does not.
 *
 * Layer: incident.  Uses: base, io/child, io/work, incident/ical, windows.
 */
#ifndef INCIDENT_CALENDAR_H
#define INCIDENT_CALENDAR_H

#include "incident/windows.h"

struct loop;
struct calendars;

enum { CALENDAR_EVERY_MS = 10000 };

/*
 * Called when what a window's calendar says has become another, or could not be read: `why`, once for each other
 * reason; NULL: it could.
 */
typedef void calendar_fn(const struct named_window *window, const char *why, void *data);

/* Those of both lists (NULL: none), whose windows are borrowed, and filled in until calendars_destroy(). */
struct calendars *calendars_create(struct loop *loop, const struct windows *freezes,
                                   const struct windows *silences, calendar_fn *fn, void *data);
void calendars_destroy(struct calendars *calendars); /* NULL is fine */

/* The same, read once, here and now: for a program that may wait. */
struct calendars *calendars_read_once(const struct windows *windows, int64_t now_ms);

#endif
