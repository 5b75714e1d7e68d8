/*
 * cluster - the other nodes of a cluster, as far as a target's own node sends us to them: which has
 * which slots, and one connection to each, of a bounded number, for as long as a run lasts.
 */
#ifndef REDIS_CLUSTER_H
#define REDIS_CLUSTER_H

#include "wire.h"

enum { CLUSTER_NODES = 8, CLUSTER_SLOTS = 16384 };

struct cluster_node {
    struct wire_server server; /* as the target's own, elsewhere */
    char host[WIRE_HOST];
    struct wire wire;
    unsigned char slots[CLUSTER_SLOTS / 8]; /* those that it is known to have */
    uint64_t used;
};

/* Zeroed at first, then cluster_init(). */
struct cluster {
    struct probe_life *life;
    const struct wire_server *home;
    struct cluster_node *nodes[CLUSTER_NODES]; /* NULL: free */
    uint64_t turn;
};

void cluster_init(struct cluster *cluster, struct probe_life *life, const struct wire_server *home);

/* Where an error of the server's sends us: "MOVED 3999 10.0.0.2:6379". */
struct cluster_move {
    bool once; /* ASK: this time only */
    unsigned slot;
    char host[WIRE_HOST]; /* "": where we asked */
    uint16_t port;
};
bool cluster_read_move(const char *error, struct cluster_move *ret_move);

/* The node there; the one that was not used for longest gives way to a ninth. */
struct cluster_node *cluster_at(struct cluster *cluster, const char *host, uint16_t port);

/* Learns that a node has a slot, or that it has none, being out of reach. */
void cluster_learn(struct cluster *cluster, struct cluster_node *node, unsigned slot);
void cluster_unlearn(struct cluster_node *node);

/* The node that is known to have a slot, or NULL. */
struct cluster_node *cluster_with(struct cluster *cluster, unsigned slot);

/* Closes all connections; what was learnt stays. */
void cluster_close(struct cluster *cluster);

/* Frees all, where the life has ended. */
void cluster_bury(struct cluster *cluster);

#endif
