/*
 * rows - a server's reply as text, by row and column name.
 *
 * What lies between a wire, which fills it, and checks, which read it; neither knows the other.
 * Nothing is owned here: the cells belong to whoever lends the rows.
 *
 * Layer: plugins/common; includes the C library and probe.h only.
 */
#ifndef COMMON_ROWS_H
#define COMMON_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rows {
    const char *const *names; /* of the columns */
    size_t columns;
    const char *const *cells; /* count times columns of them; NULL: null */
    size_t count;
};

/* A cell; NULL where it is null, and where there is no such row or column. */
const char *rows_text(const struct rows *rows, size_t row, const char *name);

/* The same for sentences: "" where it is null. */
const char *rows_said(const struct rows *rows, size_t row, const char *name);

/* The same as a number or a flag ("t", "1"); zero and false for what is null. */
int64_t rows_int(const struct rows *rows, size_t row, const char *name);
double rows_real(const struct rows *rows, size_t row, const char *name);
bool rows_flag(const struct rows *rows, size_t row, const char *name);

/* Whether a cell says just this. */
bool rows_is(const struct rows *rows, size_t row, const char *name, const char *text);

#endif
