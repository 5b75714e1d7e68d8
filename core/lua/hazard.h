/*
 * hazard - commands that nobody should send at three in the morning, found in what operators write.
 *
 * The strings of a script, and statements that a remediation hands to one, are looked through when they are read:
 * UPDATE and DELETE without WHERE, DROP, TRUNCATE, mutations of ClickHouse, pg_terminate_backend without a filter,
 * KEYS, FLUSHALL, FLUSHDB, drop_caches, rm -rf.  What is a statement as a whole is also held to what a remediation
 * can run: one statement, no DDL, nothing that needs to stand outside of a transaction, no LIMIT without ORDER BY.
 *
 * It splits text into words (comments, quotes, E'...' and dollar quotes are no words) and is no parser: it is there
 * to help who writes, not to hold who means harm; that is what grants and guards are for.
 *
 * Layer: lua.  Uses: base, probe/node, probe/problem.
 */
#ifndef LUA_HAZARD_H
#define LUA_HAZARD_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/node.h"
#include "probe/problem.h"

struct hazard {
    size_t at;        /* of the word that is wrong, in bytes from the text's beginning */
    bool certain;     /* it is never right as a statement; otherwise it may be meant */
    bool statement;   /* only said of a text that is a statement as a whole */
    const char *what; /* a sentence's end: "changes every row: it has no WHERE" */
    const char *hint; /* what would be right */
};

/* The first thing that is wrong with a text, the certain ones first.  False: there is nothing. */
bool hazard_find(const char *text, size_t len, struct hazard *ret);

/* Of a script's source: each string of it.  What is found is a warning, since a string may be for people. */
void hazard_in_script(const char *path, const char *source, size_t len, struct problems *problems);

/* Of what an operator hands to a script: each text in the tree.  What is certain is an error. */
void hazard_in_values(const struct node *node, const char *path, struct problems *problems);

#endif
