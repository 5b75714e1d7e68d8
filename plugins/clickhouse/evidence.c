#include "evidence.h"

#include <string.h>

#include "common/sql.h"
#include "trouble.h"

typedef void hide_fn(char *out, size_t room, const char *text);

/* How a column's text is to be shown; NULL: as it is. */
static hide_fn *hiding(const char *column)
{
    static const struct {
        const char *column;
        hide_fn *hide;
    } known[] = {
        {"query", sql_normalise},
        {"reason", trouble_hide},
        {"last_exception", trouble_hide},
        {"message", trouble_hide},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(known[i].column, column) == 0)
            return known[i].hide;
    return NULL;
}

static void show_row(struct evidence *evidence, size_t row, const struct rows *rows,
                     const struct probe_column *columns, size_t column_count)
{
    size_t hidden = 0;
    for (size_t i = 0; i < column_count; i++) {
        const char **cell = &evidence->cells[row * column_count + i];
        hide_fn *hide = hiding(columns[i].name);
        *cell = rows_text(rows, row, columns[i].name);
        if (!*cell || !hide)
            continue;
        char *text = evidence->texts[row][hidden++ % 2];
        hide(text, EVIDENCE_TEXT, *cell);
        *cell = text;
    }
}

char *evidence_line(char *text)
{
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7F)
            *c = ' ';
    return text;
}

struct probe_field evidence_int(const char *key, const struct rows *rows, const char *column)
{
    return rows_text(rows, 0, column) ? probe_int(key, rows_int(rows, 0, column))
                                      : (struct probe_field){0};
}

struct probe_field evidence_of(struct evidence *evidence, const char *key, const struct rows *rows,
                               const struct probe_column *columns, size_t column_count,
                               int64_t total)
{
    size_t count = rows->count < EVIDENCE_ROWS ? rows->count : EVIDENCE_ROWS;
    for (size_t row = 0; row < count; row++)
        show_row(evidence, row, rows, columns, column_count);
    evidence->table = (struct probe_table){columns, column_count, evidence->cells, count, total};
    return probe_rows(key, &evidence->table);
}
