/*
 * rows - evidence that is put together cell by cell, and bounded: rows beyond the last are counted.
 */
#ifndef REDIS_ROWS_H
#define REDIS_ROWS_H

#include <runbookd/probe.h>

enum { ROWS_MOST = 20, ROWS_COLUMNS = 6, ROWS_CELL = 160 };

struct rows {
    const struct probe_column *columns;
    size_t column_count, cell_count;
    int64_t total;
    char text[ROWS_MOST * ROWS_COLUMNS][ROWS_CELL];
    bool null[ROWS_MOST * ROWS_COLUMNS];
    const char
        *cells[ROWS_MOST * ROWS_COLUMNS]; /* set by rows_field(), so that rows can be copied */
};

void rows_init(struct rows *rows, const struct probe_column *columns, size_t column_count);

/* Whether there is room for another row, which is then begun; its cells follow in order. */
bool rows_begin(struct rows *rows);
PROBE_PRINTF(2, 3) void rows_cell(struct rows *rows, const char *fmt, ...);
void rows_null(struct rows *rows);

/* As a field of a finding's; while that is made, `ret_table` lives. */
struct probe_field rows_field(struct rows *rows, const char *key, struct probe_table *ret_table);

#define ROWS_INIT(rows_, columns_)                                                                 \
    rows_init((rows_), (columns_), sizeof(columns_) / sizeof(*(columns_)))

#endif
