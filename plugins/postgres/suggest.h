/*
 * suggest - whether an index would pay for a table that is read in sequence.
 *
 * A pure function over what a plan and the catalogue say.
 */
#ifndef POSTGRES_SUGGEST_H
#define POSTGRES_SUGGEST_H

#include "common/rows.h"
#include "explained.h"

enum { SUGGEST_COLUMNS = 3, SUGGEST_NAME = 300 };

struct suggestion {
    char table[SUGGEST_NAME];                               /* quoted as SQL has it */
    char command[2 * SUGGEST_NAME + SUGGEST_COLUMNS * 140]; /* "": none would pay */
    char why[400];                                          /* one sentence either way */
};

/*
 * `rows` are index_columns.sql's.  The columns that the filter holds to be equal to something stand
 * first, the one with the most values before the others; what one of all those values leaves is
 * rows / (n_distinct * ...), which is what the planner assumes for a value that it does not know.
 */
void suggest_judge(struct suggestion *ret, const struct explained_scan *scan,
                   const struct rows *rows, int64_t min_rows, double max_percent);

#endif
