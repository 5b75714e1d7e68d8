/*
 * measure - the numbers and words that a check's findings carry, by slot.
 *
 * A check declares its measures; a counter brings two derived ones, NAME_delta and
 * NAME_per_second, present from the second run on.  Findings hold one value a slot, in this
 * order: what is declared, then what is derived.  Conditions name slots.
 *
 * Layer: probe.  Uses: base, include.
 */
#ifndef PROBE_MEASURE_H
#define PROBE_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runbookd/probe.h"

struct measure_slot {
    const char *name;
    const char *help;
    enum probe_measure_kind kind; /* derived slots are gauges */
    bool optional;
    const char *const *words; /* for PROBE_WORD: all that it can say, or NULL */
    int counter;              /* of a derived slot: its counter's slot; otherwise -1 */
};

struct measures {
    struct measure_slot *slots;
    size_t count;    /* of all slots */
    size_t declared; /* how many of them come first */
};

/* From a table ended by { 0 }, which may be NULL; names are borrowed, derived ones owned. */
void measures_init(struct measures *measures, const struct probe_measure *table);
void measures_finish(struct measures *measures);

/* The slot of that name, or -1. */
int measures_find(const struct measures *measures, const char *name);

enum value_kind { VALUE_ABSENT, VALUE_INTEGER, VALUE_REAL, VALUE_FLAG, VALUE_WORD };

/* What a slot holds.  A word is owned by whoever owns the value. */
struct value {
    enum value_kind kind;
    union {
        int64_t integer;
        double real;
        bool flag;
        char *word;
    } is;
};

/* A number of any kind as a double; a flag as 0 or 1; otherwise NaN. */
double value_number(const struct value *value);

/* For arrays of `count`, as measures->count says. */
struct value *values_create(size_t count);
void values_destroy(struct value *values, size_t count);

/* Whether `name` may be a measure's: lower case, and no keyword of Lua. */
bool measure_name_fits(const char *name);

#endif
