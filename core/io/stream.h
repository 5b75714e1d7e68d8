/*
 * stream - a byte stream: TCP or a Unix socket, in clear, in TLS, or in TLS later (STARTTLS).
 *
 * Names are resolved (io/resolve), addresses tried in order, a second one beside the first after
 * 250 ms (RFC 8305), TLS by OpenSSL with SNI.  Requests and callbacks are the contract's:
 * struct probe_endpoint says what is asked, struct probe_arrival what came.
 *
 * How it ends, besides what the system says (-ECONNREFUSED, -ECONNRESET, ...):
 *
 *     -EINVAL     nothing that could be asked for, or no name of a host
 *     -ENOENT     there is no such host, socket or file of certificates
 *     -EAGAIN     the name server failed, or a Unix socket's backlog is full
 *     -ETIMEDOUT  endpoint.timeout_ms or the life; the stage says what was waited for
 *     -EPROTO     what was said is not TLS, or not while TLS was to begin
 *     -EACCES     while PROBE_SECURING: the peer cannot be trusted; the message has all reasons
 *     -EMSGSIZE   more than max_reply came between two writes
 *     -ENOBUFS    more than 4 MiB would wait to be sent
 *
 * A peer that goes without ending TLS has cut the connection off: -ECONNRESET, not PROBE_CLOSED.
 *
 * Layer: io.  Uses: base, OpenSSL, io/life, io/connect, io/endpoint, io/tls, io/wait, io/wire.
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include "io/life.h"
#include "runbookd/probe.h"

/*
 * Opens a stream in `life`.  `fn` is called for each arrival until a status below zero or
 * PROBE_CLOSED, after which the stream is gone.  `endpoint` is copied, but for `tls`, which stays
 * the configuration's.  A callback may write, secure, cancel the stream or end its life.
 */
struct op *stream_dial(struct life *life, const struct probe_endpoint *endpoint,
                       probe_stream_fn *fn, void *data);

/* Sends bytes, in order, as soon as the stream is open; what cannot be sent ends it with a status. */
void stream_write(struct op *stream, const void *bytes, size_t len);

/*
 * How many bytes the peer's machine has not acknowledged yet; SIZE_MAX where the stream is not open.
 * Zero does not say that the peer has read them.
 */
size_t stream_unsent(const struct op *stream);

/* Starts TLS on a stream dialled PROBE_SAFE_LATER or PROBE_SHOWN_LATER. */
void stream_secure(struct op *stream);

/* op_cancel(stream) closes it silently. */

#endif
