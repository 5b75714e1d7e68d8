/*
 * ical_library - libical, loaded when the first calendar has an event that recurs.
 *
 * The agent is not linked against it: where Debian's libical3 is not installed everything else works, and such a
 * calendar cannot be read, which says so.  The same where the agent was built without its header.  Only what a
 * rule of recurrence means is asked of it, in local time; lines and time zones are ours.
 *
 * Layer: incident.  Uses: base, libdl.
 */
#ifndef INCIDENT_ICAL_LIBRARY_H
#define INCIDENT_ICAL_LIBRARY_H

#include "base/error.h"

#ifdef RUNBOOKD_ICAL
#include <libical/ical.h>

struct ical_library {
    __typeof__(icalrecurrencetype_from_string) *rule_from_string;
    __typeof__(icalrecur_iterator_new) *iterator_new;
    __typeof__(icalrecur_iterator_set_start) *iterator_set_start;
    __typeof__(icalrecur_iterator_next) *iterator_next;
    __typeof__(icalrecur_iterator_free) *iterator_free;
    __typeof__(icalerror_set_errors_are_fatal) *set_errors_are_fatal;
};

/* Loads it once; NULL and `*error` where that cannot be.  It stays loaded.  Any thread, one at a time. */
const struct ical_library *ical_load(struct error *error);
#endif

#endif
