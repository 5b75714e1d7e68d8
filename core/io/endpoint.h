/*
 * endpoint - what a stream was asked for: the contract's struct, copied and checked.
 *
 * For io/stream.
 *
 * Layer: io.  Uses: base, io/resolve.
 */
#ifndef IO_ENDPOINT_H
#define IO_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "runbookd/probe.h"

enum { ENDPOINT_ALPN_MAX = 255, ENDPOINT_REPLY_MAX = 1 << 20 };

struct endpoint {
    char *host, *address, *path; /* with a path the others do not count for connecting */
    uint16_t port;               /* zero: a path */
    int family;
    enum probe_safety safety;
    const struct probe_tls *tls;           /* stays the configuration's */
    unsigned char alpn[ENDPOINT_ALPN_MAX]; /* as it is sent: each with its length before it */
    size_t alpn_len;
    uint16_t tls_lowest, tls_highest;
    int64_t timeout_ms, max_reply;
};

/* Copies; returns what is wrong with it, in words, or NULL.  To be finished either way. */
const char *endpoint_init(struct endpoint *endpoint, const struct probe_endpoint *wish);
void endpoint_finish(struct endpoint *endpoint);

/* Who it is, for people, before anything is known of it. */
const char *endpoint_whom(const struct endpoint *endpoint);

bool endpoint_secures_later(const struct endpoint *endpoint);
bool endpoint_secures_first(const struct endpoint *endpoint);

/* Whether it goes on with a peer that cannot be trusted. */
bool endpoint_goes_on(const struct endpoint *endpoint);

#endif
