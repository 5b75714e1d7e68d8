/*
 * console - asks PgBouncer's console: a database that knows SHOW and a few commands.
 *
 * The console takes one command at a time, by the simple protocol, and has neither transactions nor
 * parameters; it knows no time-out either, so an answer that does not come ends with the run.
 */
#ifndef PGBOUNCER_CONSOLE_H
#define PGBOUNCER_CONSOLE_H

#include "common/pq/wire.h"

enum { CONSOLE_NAME_LEN = 64 };

/* Asks on the connection that is kept.  Every trouble ends the run. */
void console_ask(struct probe_run *run, const char *command, wire_answer_fn *then);

/* Commands, on a new connection, so that nothing is ever sent twice; `otherwise` NULL: every trouble ends the run. */
void console_command(struct probe_run *run, const char *command, wire_answer_fn *then,
                     wire_trouble_fn *otherwise);

/* Ends the run as the kind of trouble demands, with a hint for whoever keeps a PgBouncer. */
void console_end(struct probe_run *run, const struct trouble *trouble);

/* The row whose column has this value; rows->count: there is none. */
size_t console_find(const struct rows *rows, const char *column, const char *value);

/* Writes VERB "name", the quotes in the name doubled; VERB alone where there is no name. */
void console_compose(char *out, size_t room, const char *verb, const char *name);

#endif
