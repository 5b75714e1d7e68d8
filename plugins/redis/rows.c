#include "rows.h"

void rows_init(struct rows *rows, const struct probe_column *columns, size_t column_count)
{
    rows->columns = columns;
    rows->column_count = column_count;
    rows->cell_count = 0;
    rows->total = 0;
}

bool rows_begin(struct rows *rows)
{
    rows->total++;
    return rows->cell_count + rows->column_count <= ROWS_MOST * rows->column_count;
}

void rows_cell(struct rows *rows, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(rows->text[rows->cell_count], ROWS_CELL, fmt, args);
    va_end(args);
    rows->null[rows->cell_count++] = false;
}

void rows_null(struct rows *rows)
{
    rows->null[rows->cell_count++] = true;
}

struct probe_field rows_field(struct rows *rows, const char *key, struct probe_table *ret_table)
{
    for (size_t i = 0; i < rows->cell_count; i++)
        rows->cells[i] = rows->null[i] ? NULL : rows->text[i];
    *ret_table = (struct probe_table){.columns = rows->columns,
                                      .column_count = rows->column_count,
                                      .cells = rows->cells,
                                      .row_count = rows->cell_count / rows->column_count,
                                      .total = rows->total};
    return probe_rows(key, ret_table);
}
