/*
 * evidence - the rows behind a finding: statements without literals, errors without quotations.
 */
#ifndef CLICKHOUSE_EVIDENCE_H
#define CLICKHOUSE_EVIDENCE_H

#include <runbookd/probe.h>

#include "common/rows.h"

enum { EVIDENCE_ROWS = 20, EVIDENCE_COLUMNS = 12, EVIDENCE_TEXT = 400 };

/* On one line, whatever a table, a user or a query is called; in place. */
char *evidence_line(char *text);

/* The number of the first row; where it is null, nothing, so that it has to stand at the end. */
struct probe_field evidence_int(const char *key, const struct rows *rows, const char *column);

struct evidence {
    const char *cells[EVIDENCE_ROWS * EVIDENCE_COLUMNS];
    char texts[EVIDENCE_ROWS][2][EVIDENCE_TEXT]; /* what is not shown as it came */
    struct probe_table table;
};

/*
 * The first rows as the field `key`; `total` is how many there are in truth.  Columns called "query"
 * are statements, those called "reason", "last_exception" and "message" errors.
 */
struct probe_field evidence_of(struct evidence *evidence, const char *key, const struct rows *rows,
                               const struct probe_column *columns, size_t column_count,
                               int64_t total);

#endif
