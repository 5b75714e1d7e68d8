/*
 * http_reply - what came back: header lines and body as libcurl hands them over, within bounds.
 *
 * Layer: io.  Uses: base, libcurl.
 */
#ifndef IO_HTTP_REPLY_H
#define IO_HTTP_REPLY_H

#include <curl/curl.h>

#include "base/text.h"
#include "runbookd/probe.h"

/* Made by http_reply_init(), freed by http_reply_finish(). */
struct http_reply {
    struct text lines; /* name NUL value NUL, of the last answer only */
    size_t line_count;
    struct probe_pair *headers; /* made from the lines when they are asked for */
    struct text body;
    bool begun; /* an answer's first line has come */
};

void http_reply_init(struct http_reply *reply, size_t max_body);
void http_reply_finish(struct http_reply *reply);

/* Forgets everything that came, for the next hop. */
void http_reply_reset(struct http_reply *reply);

/* One header line or status line as libcurl gives it; false: that is more than we take. */
bool http_reply_add_line(struct http_reply *reply, const char *line, size_t len);

/* Ended by { 0 }, and valid until the next line. */
const struct probe_pair *http_reply_headers(struct http_reply *reply);

/* A header's value, or NULL. */
const char *http_reply_header(struct http_reply *reply, const char *name);

#endif
