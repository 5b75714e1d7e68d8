/*
 * staple - what a stapled OCSP response says of a certificate, and whether it may be believed.
 *
 * Pure functions over bytes: nobody is asked.
 */
#ifndef COMMON_CERT_STAPLE_H
#define COMMON_CERT_STAPLE_H

#include "common/cert/verdict.h"

/* The measure staple; the words are staple_words, in this order. */
enum staple_state {
    STAPLE_NONE,
    STAPLE_GOOD,
    STAPLE_REVOKED,
    STAPLE_UNKNOWN, /* the responder does not know the certificate */
    STAPLE_EXPIRED,
    STAPLE_EARLY,      /* it is not valid yet */
    STAPLE_INVALID,    /* no response, another certificate's, or signed by somebody else */
    STAPLE_UNVERIFIED, /* the certificate's issuer is not known, so nothing can be held against it */
};
extern const char *const staple_words[]; /* ended by NULL */

struct staple {
    enum staple_state state;
    bool required;    /* the certificate says that it is to be stapled */
    int64_t until_ms; /* since 1970; zero: it says none */
    int64_t revoked_ms;
    const char *reason; /* of a revocation, or NULL */
};

/* `issuer` may be NULL. */
struct staple staple_of(struct probe_bytes response, const struct certificate *leaf,
                        const struct certificate *issuer, int64_t wall_ms);

/* What is wrong with it. */
void staple_judge(const struct staple *staple, struct verdict *verdict);

#endif
