/*
 * http_pool - libcurl's multis on the loop: sockets, timers, kept connections, idle handles.
 *
 * A transfer is one libcurl handle at work in one of sixteen lanes, chosen by host.  Its callbacks
 * run after libcurl has returned, never from inside it, so that they may do anything: start and
 * drop other transfers, or this one.
 *
 * Layer: io.  Uses: base, libcurl, io/loop, io/wait.
 */
#ifndef IO_HTTP_POOL_H
#define IO_HTTP_POOL_H

#include <curl/curl.h>

#include "base/list.h"
#include "io/loop.h"

struct http_pool;
struct lane;

/* Zeroed at first but for the two functions; then begun, started, and ended by one of both. */
struct transfer {
    CURL *easy;        /* between transfer_begin() and its end; set options before the start */
    struct lane *lane; /* where it was started */
    bool usual;        /* see transfer_begin() */
    struct list news;
    /* libcurl has finished with it; the handle is still here, to be asked what came. */
    void (*on_done)(struct transfer *transfer, CURLcode code);
    /* Something came; see transfer_has_news(). */
    void (*on_news)(struct transfer *transfer);
};

/* The loop's pool, made when it is first asked for. */
struct http_pool *http_pool_of(struct loop *loop);

/*
 * Takes a handle with the options that `tell_common` gives, the same for all transfers.  Setting and
 * resetting all of them is a tenth of what a request costs: where the owner says that it was a usual
 * one, by `usual`, they are left for the next.  Usual is what has set no option but CURLOPT_URL,
 * ERRORBUFFER, HTTPHEADER, RESOLVE, CONNECTTIMEOUT_MS and callbacks' data, which each sets anew, and
 * has gone well on a kept connection, so that nothing of it is left in the handle either.
 */
void transfer_begin(struct transfer *transfer, struct http_pool *pool,
                    void (*tell_common)(CURL *easy));

/* Hands it to libcurl.  The transfer stays the caller's. */
void transfer_start(struct transfer *transfer, struct http_pool *pool, const char *host);

/* From libcurl's callbacks: on_news() is called as soon as libcurl has returned. */
void transfer_has_news(struct transfer *transfer);

/* Stops, if it is still at work, and gives the handle back; NULL-safe in its handle. */
void transfer_end(struct transfer *transfer, struct http_pool *pool);

bool http_pool_uses_proxies(const struct http_pool *pool);

/*
 * Whether a numeric host has been connected to at another address, which libcurl remembers for a
 * while: from then on it is told the addresses of such hosts as well.
 */
void http_pool_note_detour(struct http_pool *pool);
bool http_pool_has_detours(const struct http_pool *pool);

#endif
