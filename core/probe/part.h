/*
 * part - a piece of a condition's text: what it may be, and what it fits together with.
 *
 * The types of an expression without its grammar: each check says whether an operator means
 * something over its parts, and where it does not, what was probably meant.
 *
 * Layer: probe.  Uses: base, probe/measure, probe/problem, probe/token.
 */
#ifndef PROBE_PART_H
#define PROBE_PART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "probe/measure.h"
#include "probe/token.h"

/* What a part may be, as a set.  Nil and false are what `and` and `or` take for no. */
enum part_types {
    IS_NUMBER = 1,
    IS_WORD = 2,
    IS_TRUE = 4,
    IS_FALSE = 8,
    IS_NIL = 16,
    IS_FLAG = IS_TRUE | IS_FALSE,
    IS_NO = IS_FALSE | IS_NIL
};

enum shape {
    SHAPE_OTHER,
    SHAPE_MEASURE,  /* exactly one measure's name */
    SHAPE_LITERAL,  /* exactly one number, word, true, false or nil */
    SHAPE_DURATION, /* exactly duration("...") */
    SHAPE_ORDER,    /* a < b, for who writes a < b < c */
    SHAPE_NOT       /* not a, for who writes not a < b */
};

struct part {
    unsigned types;
    enum shape shape;
    const struct measure_slot *measure; /* of SHAPE_MEASURE */
    const char *at;                     /* its text */
    size_t len;
    struct token token; /* of SHAPE_LITERAL and SHAPE_DURATION: the number or word */
};

/* For "%.*s". */
#define PART_SHOWN(part) (int)((part)->len < 60 ? (part)->len : 60), (part)->at

/* Whether it is nothing but these. */
bool part_only(const struct part *part, unsigned types);

/* The checks return zero, or -EINVAL with what is wrong and what would be right. */

int part_check_equality(struct error *error, const struct part *a, const struct part *b);
int part_check_order(struct error *error, const struct part *a, const struct part *b);

/* That it may be used with arithmetic; nil may, since it counts to nil. */
int part_check_number(struct error *error, const struct part *part, const char *use);

/* That `and`, `or`, `not` make sense of it: what is never false or nil is no test. */
int part_check_test(struct error *error, const struct part *part);

/* That it is an answer: true, false, or nil where something is absent. */
int part_check_answer(struct error *error, const struct part *part);

/* That `measure`, where it is one with declared words, can say the literal `token`. */
int part_check_word(struct error *error, const struct part *measure, const struct token *token);

/* As many of `words` as a hint holds: "LEAD a, b, c". */
int part_hint_list(struct error *error, const char *lead, const char *const *words);

#endif
