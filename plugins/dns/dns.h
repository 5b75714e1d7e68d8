/*
 * dns - what the plugin's own files share: the options and the check.
 */
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include "inquiry.h"

struct dns_config {
    const struct probe_url *url; /* NULL: none */
    const char *const *servers;
    const char *name; /* NULL: none */
    int64_t port;
};

/* ---- resolve.c ---- */

struct resolve_config {
    const char *name; /* NULL: the target's */
    const char *type, *transport, *rcode, *match;
    const char *const *servers, *const *expect;
    bool authoritative, recurse, agree;
    int64_t tries;
};

struct resolve_run {
    struct inquiry *all; /* SERVER_MOST of them */
    size_t count;
    size_t pending; /* that, and names of servers that are looked up */
    struct lookup *lookups;
    uint64_t asked_us;  /* when those were asked for, on the clock of probe_now_us() */
    const char *source; /* where the servers stand, if not in the configuration */
};

extern const char *const resolve_transports[];

int resolve_prepare(const void *config, void *memory, struct probe_error *error);
void resolve_run(struct probe_target *self, struct probe_run *run);
void resolve_ended(struct probe_target *self, struct probe_run *run);

/* The name of "dns://10.0.0.2/shop.example.org", without the slash; NULL: none. */
const char *resolve_name_of(const struct probe_url *url);

#endif
