/*
 * explained - what a plan says of tables that it reads in sequence.
 *
 * A pure function over the text of EXPLAIN (FORMAT JSON, VERBOSE), in which every column has its
 * relation's alias before it.  Of filters only names of columns are taken, never a value.
 */
#ifndef POSTGRES_EXPLAINED_H
#define POSTGRES_EXPLAINED_H

#include <stdbool.h>
#include <stddef.h>

enum { EXPLAINED_SCANS = 8, EXPLAINED_COLUMNS = 8, EXPLAINED_NAME = 64 * 2 + 2 };

/* How a filter holds a column against something of other relations, or a value. */
struct explained_column {
    char name[EXPLAINED_NAME]; /* as the catalogue has it */
    bool range;                /* <, <=, >, >=; otherwise =, or = ANY */
    bool as_text;              /* by way of a cast to text, which is none for varchar alone */
};

struct explained_scan {
    char schema[EXPLAINED_NAME], table[EXPLAINED_NAME];
    struct explained_column columns[EXPLAINED_COLUMNS];
    size_t column_count; /* what all of its rows must fulfil, and an index could serve */
    bool filtered;       /* by whatever */
};

struct explained {
    struct explained_scan scans[EXPLAINED_SCANS];
    size_t scan_count;
    size_t total; /* with those for which there was no room */
};

/* False: this is no plan. */
bool explained_read(struct explained *ret, const char *json);

#endif
