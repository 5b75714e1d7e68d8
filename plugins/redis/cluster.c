#include "cluster.h"

#include <stdlib.h>
#include <string.h>

#include "errors.h"

void cluster_init(struct cluster *cluster, struct probe_life *life, const struct wire_server *home)
{
    *cluster = (struct cluster){.life = life, .home = home};
}

/* --------------------------------------------------------------- moves ---- */

bool cluster_read_move(const char *error, struct cluster_move *ret_move)
{
    bool once = errors_is(error, "ASK ");
    char *end;
    if (!once && !errors_is(error, "MOVED "))
        return false;
    unsigned long slot = strtoul(strchr(error, ' '), &end, 10);
    const char *host = *end == ' ' ? end + 1 : end, *colon = strrchr(host, ':');
    long port = colon ? strtol(colon + 1, NULL, 10) : 0;
    if (slot >= CLUSTER_SLOTS || port <= 0 || port > UINT16_MAX || colon - host >= WIRE_HOST)
        return false;
    *ret_move = (struct cluster_move){.once = once, .slot = (unsigned)slot, .port = (uint16_t)port};
    if (*host != '?') /* "?": the server does not know its own name */
        memcpy(ret_move->host, host, (size_t)(colon - host));
    return true;
}

/* --------------------------------------------------------------- nodes ---- */

static void free_node(struct cluster_node **node)
{
    free(*node);
    *node = NULL;
}

/* A free place, or that of the node that was not used for longest. */
static struct cluster_node **place_for(struct cluster *cluster)
{
    struct cluster_node **oldest = &cluster->nodes[0];
    for (size_t i = 0; i < CLUSTER_NODES; i++) {
        if (!cluster->nodes[i])
            return &cluster->nodes[i];
        if (cluster->nodes[i]->used < (*oldest)->used)
            oldest = &cluster->nodes[i];
    }
    wire_close(&(*oldest)->wire);
    free_node(oldest);
    return oldest;
}

struct cluster_node *cluster_at(struct cluster *cluster, const char *host, uint16_t port)
{
    struct cluster_node *node;
    if (!*host)
        host = cluster->home->host ? cluster->home->host : "127.0.0.1";
    for (size_t i = 0; i < CLUSTER_NODES; i++) {
        node = cluster->nodes[i];
        if (node && node->server.port == port && strcmp(node->host, host) == 0) {
            node->used = ++cluster->turn;
            return node;
        }
    }
    struct cluster_node **place = place_for(cluster);
    node = *place = calloc(1, sizeof(*node));
    if (!node)
        abort(); /* out of memory */
    (void)snprintf(node->host, sizeof(node->host), "%s", host);
    node->server = *cluster->home;
    node->server.host = node->host;
    node->server.port = port;
    node->used = ++cluster->turn;
    wire_init(&node->wire, cluster->life, &node->server);
    return node;
}

/* --------------------------------------------------------------- slots ---- */

void cluster_learn(struct cluster *cluster, struct cluster_node *node, unsigned slot)
{
    const unsigned char bit = (unsigned char)(1u << slot % 8);
    for (size_t i = 0; i < CLUSTER_NODES; i++)
        if (cluster->nodes[i])
            cluster->nodes[i]->slots[slot / 8] &= (unsigned char)~bit;
    node->slots[slot / 8] |= bit;
}

void cluster_unlearn(struct cluster_node *node)
{
    memset(node->slots, 0, sizeof(node->slots));
}

struct cluster_node *cluster_with(struct cluster *cluster, unsigned slot)
{
    for (size_t i = 0; i < CLUSTER_NODES; i++) {
        struct cluster_node *node = cluster->nodes[i];
        if (node && node->slots[slot / 8] & 1u << slot % 8) {
            node->used = ++cluster->turn;
            return node;
        }
    }
    return NULL;
}

/* ----------------------------------------------------------------- end ---- */

void cluster_close(struct cluster *cluster)
{
    for (size_t i = 0; i < CLUSTER_NODES; i++)
        if (cluster->nodes[i])
            wire_close(&cluster->nodes[i]->wire);
}

void cluster_bury(struct cluster *cluster)
{
    for (size_t i = 0; i < CLUSTER_NODES; i++) {
        if (cluster->nodes[i])
            wire_bury(&cluster->nodes[i]->wire);
        free_node(&cluster->nodes[i]);
    }
}
