/*
 * scan - walks the keys of a database page by page with SCAN, never KEYS, under a budget of time;
 * in a cluster those of each master, one after the other.
 *
 * Between pages it pauses at least as long as the page took, so that the server has at least half of
 * its time for others.
 */
#ifndef REDIS_SCAN_H
#define REDIS_SCAN_H

#include "talk.h"

enum { SCAN_NODES = 256 };

/* `page` deals with the keys, an array of texts, and calls scan_on(); `end` comes once, last. */
struct scan {
    struct talk *talk;
    struct probe_run *run;
    const char *match, *count; /* NULL: all keys; how many buckets a page looks at */
    int64_t pause_ms, budget_ms;
    void (*page)(struct probe_run *run, const redisReply *keys);
    void (*end)(struct probe_run *run);
    char cursor[24]; /* may be set to go on from, with `node`: "0" is the beginning */
    size_t node;     /* of the masters, as the cluster lists them */

    bool clustered, complete; /* complete: the last page of the last node was seen */
    int64_t total, walked;    /* keys in the database, as far as nodes were asked; keys seen */
    uint64_t until_ms, page_began_ms;
    char self[48]; /* our own node's name */
    struct scan_node {
        char host[WIRE_HOST];
        uint16_t port;
        bool own;
    } * nodes;
    size_t node_count;
};

void scan_start(struct scan *scan);
void scan_on(struct scan *scan);
void scan_free(struct scan *scan);

#endif
