/*
 * http_hop - one exchange of a request: look up, connect, judge, send, receive.
 *
 * A request is one hop, or several where redirects are followed.  libcurl resolves nothing, follows
 * nothing and verifies nothing by itself: names come from io/resolve, and a connection, new or
 * kept, is examined before the first byte is sent on it.
 *
 * Layer: io.  Uses: base, libcurl, io/http_*, io/life, io/resolve, io/tls.
 */
#ifndef IO_HTTP_HOP_H
#define IO_HTTP_HOP_H

#include <netinet/in.h>

#include "base/error.h"
#include "io/http_place.h"
#include "io/http_pool.h"
#include "io/http_reply.h"
#include "io/http_trust.h"
#include "io/http_wish.h"
#include "io/life.h"
#include "io/wait.h"

/* Made by http_hop_init(), then filled by its owner down to the callbacks. */
struct http_hop {
    struct loop *loop;
    struct http_pool *pool;
    struct http_place place;
    struct http_wish wish;
    const struct probe_tls *tls;
    char *address; /* instead of looking the host up; or NULL */
    int family, redirects;
    bool fresh, streams;
    int64_t timeout_ms; /* to connect and to secure; zero: five seconds */
    uint64_t started_us;

    /* Both run on the loop, never within a call to this module; the hop may be finished there. */
    void (*on_done)(struct http_hop *hop); /* once; `error` says how */
    void (*on_news)(struct http_hop *hop); /* more of a body that streams */

    struct error error; /* code zero: nothing is wrong so far */
    struct life own;    /* of the look-up */
    struct timer failed;
    struct transfer transfer;
    struct http_place proxy; /* its url is NULL where there is none */
    struct http_trust trust;
    struct http_verdict *verdict;
    struct http_reply reply;
    struct text addresses; /* numeric, with commas, as libcurl wants them */
    struct curl_slist *entry;
    char first_address[INET6_ADDRSTRLEN];
    char detail[CURL_ERROR_SIZE];
    uint64_t sent_us; /* when it was handed to libcurl */
    int64_t resolved_us;
    int64_t securing_us; /* when TLS began; libcurl tells only once it has ended */
    int connections;     /* that libcurl has tried: more than one where a kept one was dead */
    bool looking, connected, unfit;
};

void http_hop_init(struct http_hop *hop, struct loop *loop, size_t max_body);

/* Starts towards hop->place; what is already wrong in hop->error is called back, later. */
void http_hop_start(struct http_hop *hop);

/* Stops and forgets what came; may be started again, towards another place. */
void http_hop_reset(struct http_hop *hop);

/* Where the answer points to, if it does and the request wants to follow; else NULL. */
const char *http_hop_redirected(struct http_hop *hop);

void http_hop_finish(struct http_hop *hop);

#endif
