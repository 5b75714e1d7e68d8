/*
 * nagios - findings as monitoring plugins say them: STATUS - text | perfdata.
 *
 *     CRITICAL - 96 of 97 usable connections are used | 'used'=96;; 'used_percent'=98.97%;80;95
 *
 * With several findings the first line counts them and says the worst, a line for each follows,
 * the worst first, and labels of performance data carry the address: 'pg/connections used'=96.
 *
 * Layer: out.  Uses: base, out/table, probe/event, probe/token.
 */
#ifndef OUT_NAGIOS_H
#define OUT_NAGIOS_H

#include "base/text.h"
#include "probe/event.h"

struct nagios;

enum { NAGIOS_MOST_LINES = 1000 };

struct nagios *nagios_create(void);
void nagios_destroy(struct nagios *nagios); /* NULL is fine */

/*
 * Copies what it says; beyond NAGIOS_MOST_LINES a finding is only counted.  `warning` and
 * `critical` are the check's conditions, or NULL: where one compares a measure with a number, alone
 * or between `or`, that becomes the measure's threshold.
 */
void nagios_add(struct nagios *nagios, const struct event_finding *finding, const char *warning,
                const char *critical);

void nagios_print(const struct nagios *nagios, struct text *out);

#endif
