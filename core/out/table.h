/*
 * table - findings as a person reads them on a terminal.
 *
 *     STATUS    FOR    TARGET/CHECK[SUBJECT]  WHAT
 *     critical  3m12s  pg/connections         96 of 97 usable connections are used
 *                                             used 96  usable 97  used_percent 98.97
 *                                             free one by: select pg_terminate_backend(...)
 *
 * Either a table of rows gathered first (`once`, `probe`), the worst on top, or a line for each
 * event as it comes (`run`).  Both are made into a `struct text`, ready to be written.
 *
 * Layer: out.  Uses: base, out/screen, probe/event.
 */
#ifndef OUT_TABLE_H
#define OUT_TABLE_H

#include <stdint.h>

#include "base/text.h"
#include "out/screen.h"
#include "probe/event.h"

struct table;

struct table_look {
    struct screen screen;
    bool measures; /* a line of measures below each row */
    bool fold_ok;  /* what is ok is only counted */
};

enum { TABLE_MOST_ROWS = 10000 };

struct table *table_create(const struct table_look *look);
void table_destroy(struct table *table); /* NULL is fine */

/* Copies what it shows.  Beyond TABLE_MOST_ROWS a finding is only counted, and that is said. */
void table_add(struct table *table, const struct event_finding *finding, int64_t wall_ms);

/* All rows, then a line that counts them; "nothing was found" where there is none. */
void table_print(const struct table *table, struct text *out);

/* The worst status of all that was added; PROBE_GRADED: nothing was. */
enum probe_status table_worst(const struct table *table);

/* Where a status comes when the worst comes first: critical 0, warning 1, unknown 2, ok 3. */
size_t table_rank(enum probe_status status);

/* "2 critical, 1 warning, 114 ok", or "nothing was found". */
void table_print_tally(const struct screen *screen, const unsigned tally[PROBE_UNKNOWN + 1],
                       struct text *out);

/* One event with its time (UTC): one line, and its hint below it where the finding is not ok. */
void table_print_event(const struct table_look *look, const struct event *event, int64_t wall_ms,
                       struct text *out);

/* "target/name[subject]", without escapes. */
void table_address(const struct event_finding *finding, struct text *out);

#endif
