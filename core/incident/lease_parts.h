/*
 * lease_parts - what the files of incident/lease share.
 *
 *     lease.c             taking, renewing, losing, giving back
 *     lease_documents.c   the realm's documents
 *
 * Layer: incident.  Only for lease*.c.
 */
#ifndef INCIDENT_LEASE_PARTS_H
#define INCIDENT_LEASE_PARTS_H

#include "base/list.h"
#include "incident/lease.h"
#include "io/wait.h"

enum { LEASE_WATCHERS = 8 };

enum lease_state { LEASE_SEEKING, LEASE_STANDBY, LEASE_HELD, LEASE_GIVEN_BACK };

struct watcher {
    lease_fn *fn;
    void *data;
};

struct lease {
    struct loop *loop;
    struct bus *bus;
    struct keeper *keeper;
    char *realm, *target, *name; /* of the realm, of the target that keeps it, of ourselves */
    int64_t ttl_ms;
    enum lease_state state;
    int64_t token;
    uint64_t until_us;       /* while it is held: when it is over for us */
    char *holder;            /* another one, as far as is known */
    int64_t holder_until_ms; /* on the clock on the wall, as far as is known; zero: it is not */
    bool asking;             /* a TAKE or RENEW is under way */
    bool unreachable;        /* was said */
    unsigned failures;       /* to ask for it, in a row */
    uint64_t random;
    struct timer poll, over, patience;
    struct list requests; /* documents that were asked for or written, not answered yet */
    lease_released_fn *released;
    void *released_data;
    struct watcher watchers[LEASE_WATCHERS];
    size_t watcher_count;
};

/* It is over: what is done from now on is done by another. */
void lease_lose(struct lease *lease, const char *why);

/* Nobody is answered any more. */
void lease_drop_requests(struct lease *lease);

#endif
