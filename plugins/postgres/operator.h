/*
 * operator - questions in an operator's own SQL, and of tables that he names.
 *
 * His statement stands in brackets of ours, as a question within a question: what would write, or
 * ends a transaction, cannot stand there.  It is asked in the read-only transaction that every
 * question has, with the names that the role sees, and with row security either off, so that it
 * fails where policies would show only a part, or as he says.
 */
#ifndef POSTGRES_OPERATOR_H
#define POSTGRES_OPERATOR_H

#include <runbookd/probe.h>

#include "common/sql.h"
#include "local.h"

enum { OPERATOR_NAME_ROOM = 300, OPERATOR_NAMES_ROOM = 16384 };

/* What he writes, and a question around it. */
enum { OPERATOR_TEXT_ROOM = 15 * 1024 + 16, OPERATOR_SQL_ROOM = OPERATOR_TEXT_ROOM + 4096 };

/* Writes an operator's list of tables as an array of quoted names; zero, or it is refused. */
int operator_put_names(char *out, size_t room, const char *const *names, const char *option,
                       struct probe_error *error);

/* Of a run that asks so. */
struct operator_run {
    struct local_run local;
    struct trouble refusal;
};

/* The settings of a question: the zone of times without one, NULL: the role's; row security. */
enum { OPERATOR_SET_ROOM = 200 };
int operator_put_settings(char out[OPERATOR_SET_ROOM], const char *timezone, bool row_security,
                          struct probe_error *error);

/* Asks, and turns refusals into what the operator can do about them. */
void operator_ask(struct probe_run *run, const struct question *question);

/* Writes a question of his statement: `template` has it in brackets at {sql}.  Zero, or it is refused. */
int operator_put_statement(char out[OPERATOR_SQL_ROOM], const char *template, const char *statement,
                           struct probe_error *error);

/* Writes a question of a table with his condition, which is one of the places, {where}: "and (...)". */
int operator_put_question(char out[OPERATOR_SQL_ROOM], const char *template,
                          struct sql_place *places, const char *where, struct probe_error *error);

#endif
