/*
 * statement - what an operator's statement would do, as far as its words tell.
 *
 * A pure function over text.  It is no parser: what it cannot tell for certain it refuses.
 */
#ifndef POSTGRES_STATEMENT_H
#define POSTGRES_STATEMENT_H

enum { STATEMENT_ROOM = 8192 };

/*
 * Whether a statement changes rows that the server counts, and only some of them: one INSERT,
 * UPDATE, DELETE or MERGE, perhaps after a WITH that only reads; UPDATE and DELETE with a WHERE.
 * NULL, or what is wrong, as a sentence's end: "has no WHERE".
 */
const char *statement_refuse(const char *sql);

/* Whether it is one SELECT, INSERT, UPDATE or DELETE, perhaps after a WITH.  NULL, or what is wrong. */
const char *statement_refuse_plan(const char *sql);

#endif
