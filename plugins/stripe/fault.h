/*
 * fault - what it means when Stripe gives no result: an outage, our key, our quota, our question.
 *
 * An error of the API is {"error": {"type", "code", "message", ...}} with a status, a Request-Id and,
 * where Stripe knows better than the status does, Stripe-Should-Retry; see "Errors" and "Rate
 * limits" in its documentation.  Stripe's own words are shown only where they cannot hold a key.
 *
 * Pure, but for fault_end().
 */
#ifndef STRIPE_FAULT_H
#define STRIPE_FAULT_H

#include <jansson.h>
#include <runbookd/probe.h>

#include "common/http/answer.h"

/* The words are fault_classes, in this order. */
enum fault_class {
    FAULT_NONE,
    FAULT_RATE_LIMITED, /* too many requests, or too many at a time */
    FAULT_LOCKED,       /* 429 as well: somebody else changes the same object */
    FAULT_OUTAGE,       /* 5xx */
    FAULT_NETWORK,      /* no answer that is HTTP */
    FAULT_AUTH,         /* the key is no key, expired or revoked */
    FAULT_PERMISSION,   /* a good key that may not do this */
    FAULT_MISSING,      /* there is no such object, for this key */
    FAULT_REQUEST,      /* whatever else is wrong with what we asked */
    FAULT_PAGE          /* whoever answers is not Stripe */
};

extern const char *const fault_classes[];

struct fault {
    enum fault_class class;
    int http_status;     /* zero: none came */
    int error;           /* a negative errno value */
    const char *silence; /* FAULT_NETWORK: one of answer_classes */
    const char *needs;   /* the permission, as Stripe's dashboard names it; or NULL */
    char request_id[48]; /* "" where there is none, as with all that follows */
    char type[48], code[64];
    char permission[64];              /* "rak_event_read" */
    const char *limiter;              /* what kind of limit it was; NULL: none */
    char text[240];                   /* one sentence, no full stop */
    bool retry, no_retry;             /* Stripe-Should-Retry */
    int64_t retry_ms;                 /* Retry-After; zero: not said */
    double total_ms;                  /* what it took to be refused */
    const struct answer_trail *trail; /* where that went; what ask.c hands on always has one */
};

/* What kinds of limits there are: "rate", "concurrency", ...; ended by NULL. */
extern const char *const fault_limiters[];

/* An answer that came; NONE where it holds a result.  `root` NULL: it is no JSON. */
struct fault fault_of(const struct probe_response *response, const json_t *root);

/* A request that was not answered. */
struct fault fault_of_silence(int status, const struct probe_response *response);

/* A sentence that ends in somebody else's words, without their full stop. */
const char *fault_sentence(char *text);

/* Ends a run that could not examine because of it. */
void fault_end(struct probe_run *run, const struct fault *fault);

/* What is to be done about it, or NULL; valid until `out` goes. */
enum { FAULT_HINT = 240 };
const char *fault_hint(const struct fault *fault, char out[FAULT_HINT]);

#endif
