/*
 * redact - the one place where secrets are taken out of what leaves the process.
 *
 * Values that were revealed are known here; every occurrence of one is replaced, and so are sixteen
 * bytes or more that one begins with, since what somebody else cut may hold no more.  Two doors use
 * it: where a plugin reports or logs, and where an event is emitted.  Values shorter than four
 * bytes are not kept: they would blank half of every sentence and hide nothing.
 *
 * Used on the loop thread only.  The list lives as long as the process.
 *
 * Layer: base.
 */
#ifndef BASE_REDACT_H
#define BASE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

#define REDACT_MARK "[redacted]"

/* Remembers a secret's value, as it is and as it looks inside JSON and URLs.  Copies it. */
void redact_learn(const char *value);

/* Forgets everything, for tests. */
void redact_forget_all(void);

/* Whether any known value occurs. */
bool redact_finds(const char *bytes, size_t len);

/* Adds `bytes` to `text` with every known value replaced by REDACT_MARK. */
void redact_add(struct text *text, const char *bytes, size_t len);

/*
 * A copy for people, freed by free(): no known value, no control character, only UTF-8, at most
 * `max` bytes; "…" ends what was cut.  NULL gives NULL.
 */
char *redact_copy(const char *string, size_t max);

/*
 * redact_add() for JSON, which stays JSON: known values are taken out of strings, however these are
 * escaped, and a number that holds one becomes REDACT_MARK.  Numbers and members' names stay as
 * they are in the outermost `own_depth` levels of objects and arrays, whose names are ours.
 */
void redact_add_json(struct text *text, const char *json, size_t len, unsigned own_depth);

#endif
