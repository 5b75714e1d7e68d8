/*
 * condition - a Lua expression over a check's measures, such as "used_percent > 80".
 *
 * Compiled once for each text and set of measures, and shared; all live in one Lua state.
 * Everything that can be known is checked then (probe/expression says what): names of measures
 * (with the nearest one for a typo), words that a measure never says, that the result is true or
 * false, and habits of other languages: `!=` (write `~=`), `&&` (write `and`), `80%` (write `80`),
 * `5m` (write `duration("5m")`, milliseconds), `in (...)` (write `one_of(name, "a", "b")`).  An empty
 * text is an error that mentions `#`, which begins a comment in YAML.
 *
 * While it is evaluated a missing optional measure is nil:
 *
 *     x > 5      false      x == 5    false      x + 1 > 5     false, as is any order of it
 *     x ~= 5     true       x ~= nil  false      (x or 0) > 5  counts it as 0
 *     not x      true, also where x is a flag; x == false is false
 *
 * A missing required measure that is read makes the answer CONDITION_NO_MEASURE; one that is not
 * read, behind an `and` or `or` that is decided already, does not.
 *
 * Layer: probe.  Uses: base, vm, probe/expression, probe/measure.
 */
#ifndef PROBE_CONDITION_H
#define PROBE_CONDITION_H

#include "base/error.h"
#include "probe/measure.h"

struct condition;

/*
 * NULL and `*error` where it is wrong; the hint says what would be right.  `measures` is borrowed
 * for the call.
 */
struct condition *condition_compile(const char *text, const struct measures *measures,
                                    struct error *error);
void condition_release(struct condition *condition); /* NULL is fine */

/* As it was written, without white space around it. */
const char *condition_text(const struct condition *condition);

enum condition_answer { CONDITION_FALSE, CONDITION_TRUE, CONDITION_NO_MEASURE, CONDITION_RAISED };

/*
 * Evaluates over `values`, one a slot of the measures that it was compiled for.  With
 * CONDITION_NO_MEASURE `*error` says which measure; with CONDITION_RAISED, which nothing but a
 * word beyond all memory can bring about, what was raised.
 */
enum condition_answer condition_ask(struct condition *condition, const struct value *values,
                                    struct error *error);

/* Bytes of the shared Lua state; zero while there is none. */
size_t condition_memory(void);

/* Frees the shared Lua state once all conditions are released; for the end and for tests. */
void condition_shutdown(void);

#endif
