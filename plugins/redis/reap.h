/*
 * reap - what unlink_pattern and revoke_sessions have in common: scan for keys, ask about each of
 * them, choose, and where it is meant, UNLINK those that were chosen, in small groups.
 *
 * In a cluster the keys of one command share a slot.  A run's data begins with its reap.
 */
#ifndef REDIS_REAP_H
#define REDIS_REAP_H

#include "scan.h"

struct reap {
    struct scan *found; /* where scan.c looks: points to `scan` */
    struct scan scan;
    bool apply; /* otherwise it only counts */
    int64_t most, batch;
    size_t questions; /* how many commands ask() adds for each key */
    void (*ask)(struct probe_run *run, const char *key);
    bool (*wants)(struct probe_run *run, const char *key, redisReply *const *answers);
    void (*done)(struct probe_run *run);

    int64_t chosen, removed;
    bool more;   /* there were more than `most` */
    char **keys; /* of the present page; the first `kept` are chosen, of which `sent` are gone */
    size_t count, kept, sent;
};

/* scan.match, pause_ms, budget_ms and the members above it set; the rest is zeroed. */
void reap_start(struct probe_run *run);
void reap_free(struct reap *reap);

/* ended() of an action whose run's data begins with a reap. */
void reap_ended(struct probe_target *self, struct probe_run *run);

#endif
