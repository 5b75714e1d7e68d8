/*
 * wire - a connected socket, in clear or in TLS: reading, writing and the handshake.
 *
 * Nothing here waits: what cannot go on yet returns -EAGAIN, and wire_events() says what to watch
 * for.  For io/stream.
 *
 * Layer: io.  Uses: base, OpenSSL, io/endpoint, io/tls, io/wait.
 */
#ifndef IO_WIRE_H
#define IO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "io/endpoint.h"
#include "io/tls.h"

struct wire {
    int fd; /* -1: none */
    SSL *ssl;
    bool shaken;               /* the handshake is over */
    bool broken;               /* no more TLS after this, not even a good-bye */
    bool read_wants_writable;  /* OpenSSL must write before it can read ... */
    bool write_wants_readable; /* ... and the other way round */
    char problem[160];         /* why the last one failed, to follow "TLS failed: " */
    char *unsent;              /* wiped before it is freed: passwords go out, too ... */
    size_t first, unsent_len;  /* ... `unsent_len` bytes from `first` on ... */
    size_t room;               /* ... of so many that are allocated */
};

/*
 * Readies the handshake that `to` asks for; sends nothing.  An error names the file that is wrong.
 * Where `to` goes on with any peer, weak keys are no reason to fail here either.
 */
int wire_secure(struct wire *wire, const struct endpoint *to, struct error *error);

/* Zero when it is over; -ECONNRESET where the peer closed, -EPROTO for what it said. */
int wire_shake(struct wire *wire);

/* Bytes, or zero where the peer has closed in order. */
ssize_t wire_read(struct wire *wire, void *bytes, size_t room);

/* Adds to what is to be sent.  The caller holds wire->unsent_len to a maximum. */
void wire_queue(struct wire *wire, const void *bytes, size_t len);

/* Sends what can be sent: zero where nothing is left. */
int wire_flush(struct wire *wire);

/* Bytes that wait here or that the peer's machine has not acknowledged. */
size_t wire_unsent(const struct wire *wire);

/* Whether there are bytes that no watch will tell of. */
bool wire_holds_more(const struct wire *wire);

/* What to watch for, to go on. */
unsigned wire_events(const struct wire *wire);

/* Says good-bye where TLS can, and closes.  May be called twice. */
void wire_close(struct wire *wire);

#endif
