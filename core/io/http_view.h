/*
 * http_view - a hop as the contract shows it: how far it came, how long it took, who answered.
 *
 * Layer: io.  Uses: base, libcurl, io/http_hop.
 */
#ifndef IO_HTTP_VIEW_H
#define IO_HTTP_VIEW_H

#include "io/http_hop.h"

/* The contract's response and the memory that it points to, besides the hop's own. */
struct http_view {
    struct probe_response response;
    struct probe_peer peer;
    struct text url, message;
};

/* Shows `hop` as it stands; hop->error, if any, becomes the message. */
void http_view_make(struct http_view *view, struct http_hop *hop);
void http_view_finish(struct http_view *view);

/* Fills hop->error: from libcurl's code, or from what ended the request. */
void http_view_explain(struct http_hop *hop, CURLcode code);
void http_view_explain_end(struct http_hop *hop, int status);

/* libcurl's numbers about the hop, zero where it never got there. */
long http_view_ask(const struct http_hop *hop, CURLINFO what);

#endif
