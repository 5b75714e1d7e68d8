/*
 * sql - text for and from SQL servers, as plugins need it.
 *
 * Pure functions over strings: no server, no allocation, any bytes are fine.
 *
 * Layer: plugins/common; includes the C library and probe.h only.
 */
#ifndef COMMON_SQL_H
#define COMMON_SQL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes a statement as it may be shown: every literal becomes "?", comments go, white space is
 * one space, and a list of literals is "?, ...".  What cannot be told for certain to be no literal
 * (a quote behind a backslash, which servers read in two ways) hides the rest of the statement.
 * At most `room` bytes with the NUL; a longer statement ends in "...", between two characters.
 * Statements that a server cut in the middle of a literal are fine.
 */
void sql_normalise(char *out, size_t room, const char *statement);

/*
 * Writes words (ended by NULL; NULL: none) as a PostgreSQL array literal, for a text[] parameter:
 * {"pg_dump","a \"b\""}.  False, and "{}", where `room` does not suffice.
 */
bool sql_array(char *out, size_t room, const char *const *words);

/*
 * Writes a name as an operator gives it, "audit.Events", as PostgreSQL's SQL means exactly that:
 * "audit"."Events".  Points stand between parts; one inside a part, and any quote, is kept by
 * writing that part in double quotes already.  False, and "", where `room` does not suffice, or a
 * part is empty or not closed.
 */
bool sql_name(char *out, size_t room, const char *name);

/* The same for a literal: 'it''s', with every backslash as it is (standard_conforming_strings). */
bool sql_literal(char *out, size_t room, const char *text);

/*
 * Writes a template: "{table}" becomes the text of the place called table, NULL becomes nothing, and
 * braces around any other word stay.  What is filled in is not looked at again.  `places` end with
 * { 0 }.  False, and "", where `room` does not suffice.
 */
struct sql_place {
    const char *name, *text;
};
bool sql_fill(char *out, size_t room, const char *template, const struct sql_place *places);

/*
 * Whether a text is one question: SELECT, WITH, VALUES or TABLE first, nothing but white space and
 * comments behind a semicolon.  `*ret_len` is how much of it stands before that.  NULL, or what is
 * wrong.  What cannot be told for certain is let pass: the server has the last word.
 */
const char *sql_refuse_statement(const char *text, size_t *ret_len);

#endif
