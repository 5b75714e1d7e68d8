/*
 * integrity - whether indexes and tables are what their pages claim, a few at a time.
 *
 * A run examines relations one after the other until its budget of time is spent, and the next run
 * goes on from there.  What was found corrupt is examined again first, so that it is reported until
 * it is repaired.  It looks at the target's own database only: what it found lies in the target's
 * memory, which has no room for many.
 */
#ifndef POSTGRES_INTEGRITY_H
#define POSTGRES_INTEGRITY_H

#include "operator.h"

struct integrity {
    const char *const *tables;
    int64_t max_size, budget;
};

struct integrity_memory {
    char tables[OPERATOR_NAMES_ROOM], max_size[24];
};

enum { INTEGRITY_MOST = 200, INTEGRITY_CORRUPT = 20 };

struct relation {
    int64_t id;
    bool index, again; /* again: it was corrupt when it was examined before */
    char name[160];
};

/* What was found: which relation, and what amcheck says of it. */
struct corruption {
    struct relation relation;
    char says[200];
};

struct integrity_run {
    struct wire_run wire;
    uint64_t begun_ms;
    char schema[140], position[24], corrupt[512], id[24], sql[800], grants[400];
    bool checksums, tables;
    int64_t checksum_failures; /* -1: not counted */
    int64_t candidates, too_large, checked, given_up;
    size_t count, next, corruptions;
    struct relation relations[INTEGRITY_MOST + 1];
    struct corruption found[INTEGRITY_CORRUPT];
};

extern const struct probe_option integrity_options[];
extern const struct probe_measure integrity_measures[];
int prepare_integrity(const void *config, void *memory, struct probe_error *error);
void run_integrity(struct probe_target *self, struct probe_run *run);

#endif
