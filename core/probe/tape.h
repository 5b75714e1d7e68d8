/*
 * tape - numbers and names in a row, as bytes, written and read by the same function.
 *
 * What a reader does not know yet stands behind what it knows; what it knows and is not there reads
 * as zero.  So a format may grow at its end, and old and new versions read each other.
 *
 * Layer: probe.  Uses: base.
 */
#ifndef PROBE_TAPE_H
#define PROBE_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct tape {
    struct text *out; /* while it is written; otherwise NULL */
    const char *at, *end;
};

/* Writes `number` and returns it; or reads one, whatever `number` is. */
int64_t tape_number(struct tape *tape, int64_t number);

/* The same with bytes; `*len` of them.  What is read lies in what was packed. */
const char *tape_bytes(struct tape *tape, const char *bytes, size_t *len);

#endif
