/*
 * evidence - a piece of what lies behind a finding, kept as JSON that can be cut.
 *
 * Layer: probe.  Uses: base, include.
 */
#ifndef PROBE_EVIDENCE_H
#define PROBE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/writer.h"
#include "runbookd/probe.h"

/* The most that is kept; lengths in bytes. */
enum {
    EVIDENCE_ROWS = 1000,
    EVIDENCE_COLUMNS = 64,
    EVIDENCE_KEY_LEN = 256,
    EVIDENCE_TEXT_LEN = 16 * 1024, /* of a text, a cell */
    EVIDENCE_JSON_LEN = 64 * 1024, /* of a PROBE_FIELD_JSON, since it is parsed on the loop */
    EVIDENCE_LEN = 256 * 1024,     /* of all evidence of a finding */
};

struct evidence {
    char *key;
    char *json; /* the whole value */
    size_t json_len;
    size_t *row_ends;  /* of rows: where each row's object ends within json; otherwise NULL */
    size_t row_count;  /* rows that are there */
    int64_t row_total; /* rows that there are in truth */
};

/*
 * Turns a reported field into JSON of at most `room` bytes, without secrets.  Rows beyond it are
 * cut; another piece that does not fit is refused: false.  `*ret_wrong` is set to what the plugin
 * got wrong, a sentence that lives for ever, where it did.
 */
bool evidence_take(struct evidence *piece, const struct probe_field *field, size_t column_size,
                   size_t room, const char **ret_wrong);
void evidence_finish(struct evidence *piece);

/*
 * Writes "evidence": {...} in at most `room` bytes of value (two at least), rows cut first, then
 * whole pieces, each from the end.  Returns how many rows of those that there are in truth were
 * left out; any other piece counts as one.
 */
int64_t evidence_write(const struct evidence *pieces, size_t count, struct writer *writer,
                       size_t room);

#endif
