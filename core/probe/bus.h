/*
 * bus - the inside of probe/event.h: who speaks, who listens, what waits.
 *
 * For event.c and bus.c only.
 *
 * Layer: probe.  Uses: base, OpenSSL (SHA-256).
 */
#ifndef PROBE_BUS_H
#define PROBE_BUS_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/text.h"
#include "probe/event.h"

/* What a line is made in; kept, so that an event allocates nothing. */
struct bus_texts {
    struct text line, tail, safe;
};

struct subscriber {
    struct list link;
    event_fn *fn; /* NULL: it left while an event was told */
    void *data;
};

struct bus {
    char *realm, *node, *boot;
    char *agent_id;    /* of agent events */
    struct text agent; /* the member "agent", encoded */
    char **labels;     /* name, value, ..., NULL */
    size_t max_event;
    uint64_t seq;
    struct list subscribers;
    bool telling;
    struct list waiting;       /* events that subscribers emitted, as copies */
    unsigned emitted;          /* how many of them, since the present telling began */
    struct bus_texts texts[2]; /* of the event that is told, and of those that must wait */
    EVP_MD *sha256;
    EVP_MD_CTX *digest;
};

/* Those to encode the next event in. */
struct bus_texts *bus_texts(struct bus *bus);

/* Tells all subscribers, or, while one event is told, keeps a copy and tells it afterwards. */
void bus_tell(struct bus *bus, const struct event *event);

#endif
