/*
 * expression - whether a condition's text means something over a check's measures.
 *
 * Reads the whole text by the grammar of Lua's expressions, and gives each part its types: number,
 * word, true, false, nil.  What passes
 *   - names only measures of the check, and functions with fitting arguments;
 *   - counts with numbers only, orders numbers only, and compares like with like;
 *   - compares a word with words only that its measure can say;
 *   - tests with `and`, `or`, `not` only what may be false or absent (to Lua even 0 is true);
 *   - yields true, false or, where an optional measure is absent, nil;
 *   - reads at least one measure;
 * and therefore, evaluated over any values, never raises: absent values compare false and count to
 * nil (see vm/state), and // and % are refused unless what follows is a number other than 0.
 *
 *     or  and  not  == ~= < <= > >=  + - * / // % ^  ( )  numbers  "words"  true false nil
 *     abs(x) floor(x) min(x, ...) max(x, ...)   nil where an argument is absent
 *     duration("5m")                            milliseconds
 *     one_of(x, "a", "b")                       false where x is absent
 *
 * Layer: probe.  Uses: base, probe/function, probe/measure, probe/problem.
 */
#ifndef PROBE_EXPRESSION_H
#define PROBE_EXPRESSION_H

#include "base/error.h"
#include "probe/measure.h"

enum { EXPRESSION_MAX_LEN = 1000, EXPRESSION_DEEPEST = 50 };

/* Zero, or -EINVAL: what is wrong, and as a hint what would be right. */
int expression_check(const char *text, const struct measures *measures, struct error *error);

#endif
