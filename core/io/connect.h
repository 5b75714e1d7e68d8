/*
 * connect - a connected socket: the name looked up, its addresses tried.
 *
 * Addresses are tried in order, families in turn (RFC 8305): the next one 250 ms beside those
 * before it, or at once when they have failed.  The first to answer wins, the others are closed.
 * For io/stream.
 *
 * Layer: io.  Uses: base, libuv, io/endpoint, io/resolve, io/wait.
 */
#ifndef IO_CONNECT_H
#define IO_CONNECT_H

#include "io/endpoint.h"
#include "io/life.h"

struct connecting;

struct connect_end {
    int status;
    int fd;                 /* the receiver's to close; -1 on failure */
    const char *address;    /* the one that answered, or the path */
    uint64_t resolved_us;   /* when the name was known, on the loop's clock; zero: it was not */
    enum probe_stage stage; /* of a failure: where it ended ... */
    const char *message;    /* ... and why: "connection refused by 127.0.0.1:6379" */
};

/* Called once, never from inside the starting call; then the attempt is gone. */
typedef void connect_fn(const struct connect_end *end, void *data);

/* `to` is borrowed until the end.  Of a name's addresses the first sixteen are tried. */
struct connecting *connect_start(struct loop *loop, const struct endpoint *to, connect_fn *fn,
                                 void *data);

/* Ends it silently.  NULL is fine. */
void connect_cancel(struct connecting *connecting);

enum probe_stage connect_stage(const struct connecting *connecting);

/* Who is waited for, in words: "the name server, for x", "10.0.0.1:6379 and 2 others". */
const char *connect_whom(const struct connecting *connecting);

/* "10.0.0.1:6379", "[::1]:6379", or the path where there is no port. */
void connect_print(const char *address, uint16_t port, char *out, size_t room);

#endif
