/*
 * http_place - where a request goes: URLs put together, taken apart and followed.
 *
 * Layer: io.  Uses: base, libcurl's URL parser, io/secret.
 */
#ifndef IO_HTTP_PLACE_H
#define IO_HTTP_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "runbookd/probe.h"

/* A URL and its parts; zeroed at first, freed by http_place_finish(). */
struct http_place {
    char *url;             /* without user, password and fragment */
    char *host;            /* without brackets, as it is looked up; punycode */
    char *user, *password; /* what stood in the URL, decoded, or NULL */
    uint16_t port;
    bool secure; /* https */
};

/*
 * From a request's base or url, path and params; secrets among the params are revealed.  -EINVAL
 * where the URL is none, its scheme neither http nor https, or a part holds a control character;
 * -ENOKEY where a secret cannot be read.
 */
int http_place_make(struct http_place *place, const struct probe_request *request,
                    struct error *error);

/* From a Location header that `from` sent. */
int http_place_follow(struct http_place *place, const struct http_place *from, const char *location,
                      struct error *error);

/* Same scheme, host and port: what was secret there stays secret here. */
bool http_place_same_origin(const struct http_place *a, const struct http_place *b);

void http_place_finish(struct http_place *place);

/* Frees what is remembered of URLs that were parsed; at the end of a loop's HTTP. */
void http_place_forget_all(void);

#endif
