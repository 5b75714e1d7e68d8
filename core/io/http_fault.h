/*
 * http_fault - how a request failed, as a status and as a sentence.
 *
 * Layer: io.  Uses: base, libcurl, io/tls.
 */
#ifndef IO_HTTP_FAULT_H
#define IO_HTTP_FAULT_H

#include <curl/curl.h>

#include "base/error.h"
#include "runbookd/probe.h"

/* What is known when a request fails. */
struct http_fault {
    enum probe_stage stage;
    const char *peer;   /* "10.0.0.7 port 443" */
    size_t body_len;    /* that came */
    const char *detail; /* libcurl's own words, or "" */
    int os_error;       /* an errno value, or zero */
};

/* From libcurl's code.  Returns error->code. */
int http_fault_explain(CURLcode code, const struct http_fault *fault, struct error *error);

/* From the status that a life ended with, or a limit. */
int http_fault_ended(int status, const struct http_fault *fault, struct error *error);

#endif
