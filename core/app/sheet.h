/*
 * sheet - the answer of one round: `once` and `probe`.
 *
 * Layer: app.  Uses: base, out/nagios, out/table, probe/event.
 */
#ifndef APP_SHEET_H
#define APP_SHEET_H

#include "app/command.h"
#include "probe/event.h"

struct loop;
struct sheet;

/* Listens on the bus until it is closed.  FORMAT_AUTO: a table on a terminal, ndjson otherwise. */
struct sheet *sheet_open(struct loop *loop, struct bus *bus, enum format format);

/* Prints on stdout, frees, and returns the exit code of the worst status; 3 for no finding. */
int sheet_close(struct sheet *sheet);

#endif
