#include "common/rows.h"

#include <stdlib.h>
#include <string.h>

const char *rows_text(const struct rows *rows, size_t row, const char *name)
{
    if (row >= rows->count)
        return NULL;
    for (size_t column = 0; column < rows->columns; column++) {
        if (strcmp(rows->names[column], name) == 0)
            return rows->cells[row * rows->columns + column];
    }
    return NULL;
}

const char *rows_said(const struct rows *rows, size_t row, const char *name)
{
    const char *text = rows_text(rows, row, name);
    return text ? text : "";
}

int64_t rows_int(const struct rows *rows, size_t row, const char *name)
{
    const char *text = rows_text(rows, row, name);
    return text ? strtoll(text, NULL, 10) : 0;
}

double rows_real(const struct rows *rows, size_t row, const char *name)
{
    const char *text = rows_text(rows, row, name);
    return text ? strtod(text, NULL) : 0.0;
}

bool rows_flag(const struct rows *rows, size_t row, const char *name)
{
    const char *text = rows_text(rows, row, name);
    return text && (*text == 't' || *text == '1');
}

bool rows_is(const struct rows *rows, size_t row, const char *name, const char *text)
{
    const char *cell = rows_text(rows, row, name);
    return cell && strcmp(cell, text) == 0;
}
