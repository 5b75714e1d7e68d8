/*
 * syslog_line - an event as one message of RFC 5424.
 *
 *     <PRI>1 TIME NODE runbookd BOOT KIND [runbookd@32473 realm="..." ... seq="48213"] {"schema":1,...}
 *
 * Severity comes from a finding's status (critical 2, warning and unknown 4, ok 6), of all else from
 * its level (error 3, warn 4, info 6, debug 7).  The message is the event's line, or a sentence.  A line
 * that is longer than a receiver takes goes as its sentence, never as half of its JSON, and cut="1"
 * among the structured data says so.  32473 is the number that RFC 5612 keeps for whoever has none.
 *
 * Layer: out.  Uses: base, out/view.
 */
#ifndef OUT_SYSLOG_LINE_H
#define OUT_SYSLOG_LINE_H

#include <stdbool.h>

#include "out/view.h"

struct syslog_wish {
    int facility;  /* 0 to 23 */
    bool sentence; /* instead of the event's line */
    size_t max;    /* bytes of a message; what is longer is cut */
};

/* The names of facilities in the order of their numbers, ended by NULL. */
extern const char *const syslog_facilities[];

/* Adds the message, without any framing; false: the line is no event. */
bool syslog_add(const struct syslog_wish *wish, struct view line, struct text *out);

#endif
