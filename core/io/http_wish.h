/*
 * http_wish - what a request asks for, copied out of it, and told to libcurl.
 *
 * Layer: io.  Uses: base, libcurl, OpenSSL, io/http_place, io/secret.
 */
#ifndef IO_HTTP_WISH_H
#define IO_HTTP_WISH_H

#include <curl/curl.h>

#include "base/error.h"
#include "io/http_place.h"
#include "runbookd/probe.h"

/* Zeroed at first; freed by http_wish_finish(), which wipes what is secret. */
struct http_wish {
    char *method;               /* NULL: GET, or POST where there is a body */
    struct curl_slist *headers; /* all of them ... */
    struct curl_slist *open;    /* ... and those that another origin may see */
    char *body;
    size_t body_len;
    char *user, *password;
    char *sigv4;
    char *encoding; /* of Accept-Encoding: libcurl then decodes the body */
    int version;
};

/*
 * Reveals the request's secrets; the place's user and password are used where the request has
 * none.  -ENOKEY where a secret cannot be read, -EINVAL where something cannot be sent.
 */
int http_wish_make(struct http_wish *wish, const struct probe_request *request,
                   const struct http_place *place, struct error *error);

/* Options that all of them share; the others go by them. */
void http_wish_tell_common(CURL *easy);

/* Whether it sets no other options but its headers: a GET, without a login. */
bool http_wish_is_usual(const struct http_wish *wish);

/* Sets the options that belong to it. */
void http_wish_tell(const struct http_wish *wish, const struct http_place *place, CURL *easy);

/* Whether a redirect with `code` makes a GET without a body of it. */
bool http_wish_becomes_get(const struct http_wish *wish, int code);

/* After such a redirect, which is not under way any more: so it does. */
void http_wish_redirect(struct http_wish *wish, int code);

/* Takes out what only the first origin may see. */
void http_wish_leave_origin(struct http_wish *wish);

void http_wish_finish(struct http_wish *wish);

#endif
