/*
 * tsv - a reply in ClickHouse's format TabSeparatedWithNames, by row and column.
 *
 * Any bytes are fine.  What is no table is told from what is one, and so is a table that an error
 * ended in the middle: the server has said 200 by then, and writes the error behind the rows.
 */
#ifndef CLICKHOUSE_TSV_H
#define CLICKHOUSE_TSV_H

#include "common/rows.h"

enum tsv_verdict {
    TSV_TABLE = 1, /* rows, all of them whole */
    TSV_EXCEPTION, /* an error ended it: `exception` */
    TSV_BROKEN     /* not such a table, or not all of it */
};

struct tsv {
    struct rows rows;
    char *exception; /* "Code: 159. DB::Exception: ..." */
    char *text;      /* a copy of the body, cut into cells */
    const char **cells;
};

/* Reads `len` bytes; tsv_free() whatever came of it. */
enum tsv_verdict tsv_read(struct tsv *ret, const char *body, size_t len);
void tsv_free(struct tsv *tsv);

/* The number of "Code: 159. ..." or "Code: 193, e.displayText() = ..."; zero: it is no such text. */
int tsv_exception_code(const char *text);

#endif
