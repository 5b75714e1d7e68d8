/*
 * evidence - the rows behind a finding.
 *
 * What several checks' row-to-finding functions share; pure, as they are.
 */
#ifndef POSTGRES_EVIDENCE_H
#define POSTGRES_EVIDENCE_H

#include <runbookd/probe.h>

#include "common/pq/answer.h"

enum { EVIDENCE_ROWS = 20, EVIDENCE_COLUMNS = 14, EVIDENCE_QUERY_ROOM = 500 };

/* Some columns of a reply's rows as they are; statements without their literals. */
struct evidence {
    const char *cells[EVIDENCE_ROWS * EVIDENCE_COLUMNS];
    char queries[EVIDENCE_ROWS][EVIDENCE_QUERY_ROOM];
    struct probe_table table;
};

/*
 * The rows in which the first of the columns is not null, at most EVIDENCE_ROWS of them, as the
 * field `key`; `total` is how many there are in truth.  A column called "query" is a statement.
 */
struct probe_field evidence_of(struct evidence *evidence, const char *key, const struct rows *rows,
                               const struct probe_column *columns, size_t column_count,
                               int64_t total);

/* The same of those rows only whose column `part` says so. */
struct probe_field evidence_of_part(struct evidence *evidence, const char *key,
                                    const struct rows *rows, const char *part,
                                    const struct probe_column *columns, size_t column_count,
                                    int64_t total);

/* A finding's fields where some may be absent. */
struct fields {
    size_t count;
    struct probe_field list[32]; /* ended by { 0 } */
};
void fields_add(struct fields *fields, struct probe_field field);

/* A cell as a measure, if it is not null. */
void fields_add_int(struct fields *fields, const char *key, const struct rows *rows, size_t row);
void fields_add_time(struct fields *fields, const char *key, const struct rows *rows, size_t row);

/*
 * Ends the run of who may not see all sessions: that is no "nothing found".  The reply says in its
 * column `hidden` how many are.
 */
bool evidence_refuse_hidden(struct probe_run *run, const struct rows *rows);

/* Ends the run of what applies to a primary where the server follows one, which decides about `what`. */
bool evidence_refuse_standby(struct probe_run *run, const struct rows *rows, const char *what);

#endif
