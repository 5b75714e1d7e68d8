/*
 * datagram - some datagrams to one address, in order, by UDP.
 *
 * Nobody acknowledges them.  What can be known is told: that there is no such host, that the system
 * does not send them, and that the receiver's machine answers that nobody listens, within a moment
 * after the last one; then the host's next address is tried, with all of them.
 *
 * Layer: io.  Uses: base, io/life, io/resolve, io/wait.
 */
#ifndef IO_DATAGRAM_H
#define IO_DATAGRAM_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct datagrams;

/* A piece of `bytes`: one datagram. */
struct datagram_piece {
    size_t at, len;
};

struct datagram_wish {
    struct loop *loop;
    const char *host; /* these four stay the caller's until it is over */
    uint16_t port;
    const char *bytes;
    const struct datagram_piece *pieces;
    size_t count;
    uint64_t timeout_ms;
};

/* Called once, later: zero, or why not; the message is for people. */
typedef void datagram_fn(int status, const char *message, void *data);

struct datagrams *datagram_send(const struct datagram_wish *wish, datagram_fn *fn, void *data);

/* Ends it silently, before `fn` was called.  NULL is fine. */
void datagram_cancel(struct datagrams *datagrams);

#endif
