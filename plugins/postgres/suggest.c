#include "suggest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FEW_ROWS = 100 }; /* that a further column need not make fewer */

/* What the catalogue says of a column that the filter holds against something. */
struct candidate {
    const char *quoted, *index;
    double values; /* how many there are; zero: not known */
    bool range;
};

#define SAY(ret, ...) (void)snprintf((ret)->why, sizeof((ret)->why), __VA_ARGS__)

static const struct explained_column *wanted(const struct explained_scan *scan, const char *name)
{
    for (size_t i = 0; name && i < scan->column_count; i++)
        if (strcmp(scan->columns[i].name, name) == 0)
            return &scan->columns[i];
    return NULL;
}

/* n_distinct is a number of values, or, below zero, a share of the rows. */
static double values_of(const struct rows *rows, size_t row, double count)
{
    double distinct = rows_real(rows, row, "n_distinct");
    return distinct < 0 ? -distinct * count : distinct;
}

/* Those that a B-tree can hold in order, equal ones first, then by how many values they have. */
static size_t candidates_of(struct candidate list[EXPLAINED_COLUMNS],
                            const struct explained_scan *scan, const struct rows *rows,
                            double count)
{
    size_t found = 0;

    for (size_t row = 0; row < rows->count && found < EXPLAINED_COLUMNS; row++) {
        const struct explained_column *column = wanted(scan, rows_text(rows, row, "column"));
        if (!column || !rows_flag(rows, row, "sortable") ||
            (column->as_text && !rows_flag(rows, row, "is_varchar")))
            continue;
        const struct candidate candidate = {rows_text(rows, row, "quoted"),
                                            rows_text(rows, row, "index"),
                                            values_of(rows, row, count),
                                            column->range};
        size_t at = found++;
        for (; at > 0 &&
               (list[at - 1].range > candidate.range ||
                (list[at - 1].range == candidate.range && list[at - 1].values < candidate.values));
             at--)
            list[at] = list[at - 1];
        list[at] = candidate;
    }
    return found;
}

/* Takes columns until few rows are left; how many rows that are. */
static double choose(const struct candidate *list, size_t count, double rows,
                     const struct candidate *chosen[SUGGEST_COLUMNS], size_t *ret_chosen)
{
    double left = rows;
    size_t taken = 0;

    for (size_t i = 0; i < count && taken < SUGGEST_COLUMNS && (taken == 0 || left > FEW_ROWS);
         i++) {
        chosen[taken++] = &list[i];
        if (list[i].range)
            break; /* what stands behind a range is not sought by */
        left = list[i].values > 1 ? left / list[i].values : left;
    }
    *ret_chosen = taken;
    return left < 1 ? 1 : left;
}

static void put_command(struct suggestion *ret, const struct candidate *const *chosen, size_t count)
{
    char columns[SUGGEST_COLUMNS * 140] = "";
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(
            columns + len, sizeof(columns) - len, "%s%s", i ? ", " : "", chosen[i]->quoted);
    (void)snprintf(ret->command,
                   sizeof(ret->command),
                   "CREATE INDEX CONCURRENTLY ON %s (%s);",
                   ret->table,
                   columns);
}

static void judge_columns(struct suggestion *ret, const struct candidate *list, size_t count,
                          double rows, double max_percent)
{
    const struct candidate *chosen[SUGGEST_COLUMNS];
    size_t taken;
    double left = choose(list, count, rows, chosen, &taken), percent = 100.0 * left / rows;

    if (list->range)
        SAY(ret,
            "it is filtered by a range of %.130s; how much of it one holds is not known",
            list->quoted);
    else if (list->values <= 0)
        SAY(ret, "there are no statistics of %.130s: analyse the table first", list->quoted);
    else if (list->index)
        SAY(ret,
            "the index %.130s serves %.130s, and the planner does not take it",
            list->index,
            list->quoted);
    else if (percent > max_percent)
        SAY(ret,
            "one value of %.130s is %.0f %% of its rows on average: too many for an index",
            list->quoted,
            percent);
    else {
        put_command(ret, chosen, taken);
        SAY(ret,
            "of its %.0f rows the filter leaves about %.0f, by the planner's statistics",
            rows,
            left);
    }
}

void suggest_judge(struct suggestion *ret, const struct explained_scan *scan,
                   const struct rows *rows, int64_t min_rows, double max_percent)
{
    struct candidate list[EXPLAINED_COLUMNS];
    double count = rows_real(rows, 0, "rows");
    const char *table = rows_text(rows, 0, "table");
    size_t found = candidates_of(list, scan, rows, count);

    *ret = (struct suggestion){0};
    (void)snprintf(ret->table, sizeof(ret->table), "%s", table ? table : scan->table);
    if (!table)
        SAY(ret, "it is gone, or of this session only");
    else if (count < 0)
        SAY(ret, "it is empty, or was never analysed: analyse it first");
    else if (count < (double)min_rows)
        SAY(ret, "it has about %.0f rows only, which are quick to read", count);
    else if (!scan->filtered)
        SAY(ret, "all of its rows are asked for");
    else if (found == 0)
        SAY(ret, "its filter is none that an index of columns would serve");
    else
        judge_columns(ret, list, found, count, max_percent);
}
