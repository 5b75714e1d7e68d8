/*
 * pattern - how long a Lua pattern could take, known before it is matched.
 *
 * Lua's matcher backtracks: ("a*"):rep(30) .. "b" over sixty letters takes longer than anybody
 * lives, inside one C call that nothing can stop.  The bound: from one place in the subject, an
 * item repeated with * + or - can end in at most as many places as the longest run of bytes that
 * it matches is long, and one; an item with ? in two.  Their product, times the places to start
 * from, is never less than what the matcher tries.
 *
 * Layer: vm.
 */
#ifndef VM_PATTERN_H
#define VM_PATTERN_H

#include <stddef.h>

/*
 * At most how many steps matching takes; a step is some nanoseconds.  `anchored_at_start`: a
 * leading ^ is an anchor (it is none in gmatch).  A malformed pattern gets any number: the matcher
 * refuses it by itself.
 */
double pattern_steps(const char *pattern, size_t pattern_len, const char *subject,
                     size_t subject_len, int anchored_at_start);

#endif
