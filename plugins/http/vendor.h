/*
 * vendor - what the error codes of an API mean: in the body, whatever the HTTP status says.
 *
 * Some APIs answer 200 with an error in the body, and most say "too many requests" in a code of
 * their own (K48); the maps are the vendors' own lists.  Pure.
 */
#ifndef HTTP_VENDOR_H
#define HTTP_VENDOR_H

#include <jansson.h>
#include <runbookd/probe.h>

/* The measure error_class of `api`; the words are vendor_classes, in this order. */
enum vendor_class {
    VENDOR_OK,
    VENDOR_RATE_LIMITED,
    VENDOR_TOKEN,   /* expired, revoked, or without the right that is asked for */
    VENDOR_REQUEST, /* what we ask is wrong: a path that is gone, a parameter */
    VENDOR_OUTAGE,  /* it answers that it is not well */
    VENDOR_NETWORK, /* no answer */
    VENDOR_BODY     /* an answer that is not what was asked for */
};

extern const char *const vendor_classes[];
extern const char *const vendor_names[]; /* for the option; "auto", the shipped ones, NULL */

/* What an answer means, and the vendor's own code and words, as far as there are any. */
struct vendor_says {
    enum vendor_class class;
    char code[48], message[200];
};

/*
 * `name` is one of vendor_names; with "auto" it is taken from `host`.  `body` is NULL where it is no
 * JSON.  `own` maps codes of the operator's to classes: {"4": rate_limited}; NULL: none.
 */
struct vendor_says vendor_of(const char *name, const char *host, int status, const json_t *body,
                             const struct probe_pair *own);

/* Whether the operator's map is written as it should be; the first that is not is `*ret_wrong`. */
bool vendor_map_is(const struct probe_pair *own, const struct probe_pair **ret_wrong);

#endif
