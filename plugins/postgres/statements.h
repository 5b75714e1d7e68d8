/*
 * statements - which statements took the server's time since the last look.
 *
 * pg_stat_statements counts since its statistics were reset, and a fresh fault drowns in a month's
 * mean.  So what is reported is the difference between two looks.
 */
#ifndef POSTGRES_STATEMENTS_H
#define POSTGRES_STATEMENTS_H

#include <runbookd/probe.h>

#include "common/pq/wire.h"

struct slow_statements {
    int64_t slower_than, min_calls, limit;
};

/* What one statement of a role in a database has cost. */
struct statement {
    int64_t query_id, user_id, database_id;
    int64_t calls, rows;
    double total_ms, read_ms;
};

/* What is known of the last look. */
struct statements {
    struct statement *known; /* sorted by whose it is */
    size_t count;
    int64_t at_ms;
    bool looked;
};

enum { STATEMENTS_MOST_SHOWN = 20 };

/* A look: what was counted since the last one. */
struct statements_look {
    struct statement top[STATEMENTS_MOST_SHOWN]; /* the slow ones first, then by total_ms */
    size_t top_count;
    int64_t slow, calls;
    double worst_ms, total_ms, window_ms;
    bool compared; /* false: this was the first look */
};

/* Of a run. */
struct statements_run {
    struct wire_run wire;
    struct statements_look look;
    char schema[264], total[24], read[32];
    char sql[1600], ids[STATEMENTS_MOST_SHOWN * 24];
};

extern const struct probe_option slow_statements_options[];
extern const struct probe_measure slow_statements_measures[];
void run_slow_statements(struct probe_target *self, struct probe_run *run);
void forget_slow_statements(void *memory);

/* From the rows of statements.sql: takes over what is known, and says what came since. */
void statements_compare(struct statements *statements, struct statements_look *look,
                        const struct slow_statements *options, const struct rows *rows,
                        int64_t now_ms);

/* From the rows of statement_texts.sql; the run's look has what to report. */
void check_slow_statements(struct probe_run *run, const struct answer *answer);

#endif
