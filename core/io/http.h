/*
 * http - requests by libcurl, on the loop.
 *
 * Names are resolved by io/resolve and handed over; redirects are followed by us, one hop after
 * the other, and what is secret stays behind where the origin changes, as does a body.  TLS is
 * verified by us when the handshake is done, and nothing is sent to a peer that is not trusted.
 * Sixteen multis by host, because one multi is linear in its connections (5,000 names: 430 us a
 * request in one, 84 in 32, measured).  Connections are kept for a minute at most, and used again
 * only for an address and for TLS settings that the next request would have chosen itself.  Proxy
 * variables of the environment are ignored unless http_use_proxies() was called.
 *
 * Statuses, each with the stage where it ended and a message for people:
 *
 *   -EINVAL, -ENOKEY       the request cannot be sent as it is, or a secret cannot be read
 *   -ENOENT, -EAGAIN       the name: no such host, or no answer from the name server
 *   -ECONNREFUSED, ...     no connection; whatever connect() says
 *   -EACCES                the peer cannot be trusted: response->peer->problems
 *   -EPROTO                no TLS, or no HTTP, or a redirect to what is neither
 *   -ECONNRESET            the peer hung up, or cut its answer off
 *   -ETIMEDOUT             the request's time or its life's is over
 *   -EMSGSIZE              a body longer than max_body, whose beginning is there, or too long a head
 *   -ELOOP                 more redirects than were allowed
 *
 * Layer: io.  Uses: base, libcurl, io/life, io/resolve, io/secret, io/tls, io/wait.
 */
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include <stdbool.h>

#include "io/life.h"
#include "runbookd/probe.h"

/*
 * Sends `request`, which is copied but for its `tls`.  `fn` is called once; its response is never
 * NULL.  A header "Accept-Encoding" makes the body come unpacked.  A request with `address` never
 * goes through a proxy.
 */
struct op *http_send(struct life *life, const struct probe_request *request, probe_http_fn *fn,
                     void *data);

/* Whether http_proxy, https_proxy, all_proxy and no_proxy count; false at first. */
void http_use_proxies(struct loop *loop, bool use);

/* Frees the loop's multis, handles and kept connections; before loop_destroy(), after all lives. */
void http_shutdown(struct loop *loop);

#endif
