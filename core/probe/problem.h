/*
 * problem - what is wrong with a configuration, all of it at once, each with its place.
 *
 * Layer: probe.  Uses: base.
 */
#ifndef PROBE_PROBLEM_H
#define PROBE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* Where something stands in a configuration.  `file` is NULL for what was never in a file. */
struct place {
    const char *file;
    unsigned line, column; /* from 1; zero: unknown */
};

struct problem {
    char *file;
    unsigned line, column;
    char *key;     /* as an operator reads it: "targets.orders-db.checks.connections.every" */
    char *message; /* what is wrong, no full stop */
    char *hint;    /* what would be right, or NULL */
    bool warning;  /* said, but not in the way */
};

enum { PROBLEMS_MOST = 1000 }; /* that are kept; the rest is counted */

/* Zeroed at first; freed by problems_finish(). */
struct problems {
    struct problem *all;
    size_t count, errors; /* errors: those that are no warnings, untold ones included */
    size_t room, untold;
    struct problem beyond; /* the last one that found no room */
};

/*
 * Adds one, and returns it for problem_hint(), valid until the next is added.  The same words about
 * the same place are said once.
 */

__attribute__((format(printf, 4, 5))) struct problem *
problem_add(struct problems *problems, struct place place, const char *key, const char *fmt, ...);
__attribute__((format(printf, 4, 5))) struct problem *
problem_warn(struct problems *problems, struct place place, const char *key, const char *fmt, ...);

/* Adds what would be right to the problem that was just made. */
__attribute__((format(printf, 2, 3))) void problem_hint(struct problem *problem, const char *fmt,
                                                        ...);

/*
 * One line a problem, sorted by place: "FILE:LINE:COLUMN: KEY: message; hint", secrets taken out.
 * Warnings say so before the key.
 */
void problems_print(const struct problems *problems, struct text *out);
void problems_finish(struct problems *problems);

/* The hint "did you mean ...?", or where no word is near the first of all that are known. */
void problem_hint_words(struct problem *problem, const char *word, const char *const *words);

/* Of `words` (ended by NULL) the one nearest to `word`, or NULL where none is near. */
const char *problem_nearest(const char *word, const char *const *words);

#endif
