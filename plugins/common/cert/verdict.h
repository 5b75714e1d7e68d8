/*
 * verdict - everything that is wrong with a chain, at once, and how long it lasts.
 *
 * Pure functions: over the certificates, what verification held against them, and the present.
 * What verification cannot say (a server's old TLS, a key that does not fit) is added by the check.
 */
#ifndef COMMON_CERT_VERDICT_H
#define COMMON_CERT_VERDICT_H

#include "common/cert/chain.h"

/* The measure error_class; the words are verdict_faults, in this order: the gravest first. */
enum fault {
    FAULT_NONE,
    FAULT_EXPIRED,
    FAULT_NOT_YET_VALID,
    FAULT_NAME,
    FAULT_KEY, /* the private key beside it is another's */
    FAULT_REVOKED,
    FAULT_SELF_SIGNED,
    FAULT_MISSING_INTERMEDIATE,
    FAULT_UNTRUSTED,
    FAULT_BROKEN_CHAIN, /* of a file: what is in it does not belong together */
    FAULT_WRONG_USE,
    FAULT_WEAK_KEY,
    FAULT_WEAK_DIGEST,
    FAULT_INVALID,
    FAULT_NO_STAPLE, /* it insists on an OCSP response, and there is no good one */
    FAULT_OLD_TLS,   /* from here on: unwise, but today's clients accept it */
    FAULT_WEAK_EXCHANGE,
    FAULT_ORDER,
    FAULT_BAD_STAPLE,
    FAULT_BAD_CRL,
    FAULT_CHANGED,
    /* No certificate was seen. */
    FAULT_REFUSED,
    FAULT_UNREACHABLE,
    FAULT_TIMEOUT,
    FAULT_CLOSED,
    FAULT_NO_TLS,
    FAULT_HANDSHAKE,
    FAULT_NO_CERTIFICATE,
    /* It could not be looked at. */
    FAULT_UNREADABLE,
    FAULT_LOCKED,
    FAULT_NO_KEY,
    FAULT_NO_FILES,
    FAULT_TOO_MANY_FILES
};
extern const char *const verdict_faults[]; /* ended by NULL */

enum { VERDICT_MOST = 24, VERDICT_TEXT = 256 };

struct verdict_problem {
    enum fault fault;
    int depth; /* zero: the leaf; -1: not of a certificate */
    char text[VERDICT_TEXT];
};

/* How long a certificate lasts, beside how long it was made for. */
struct remaining {
    double ms;      /* below zero: it has expired */
    double days;    /* the same, rounded down to a hundredth */
    double percent; /* of its lifetime, from zero to a hundred */
};

struct verdict {
    struct verdict_problem problems[VERDICT_MOST]; /* the gravest first */
    size_t count;
    struct remaining leaf, above;
    const struct certificate
        *first; /* of those above the leaf: that which expires first; or NULL */
    bool name_ok, chain_ok;
};

/*
 * Of what a peer presented: `verified` is the chain that verification built, empty if it could
 * not.  False: verification could not be tried, because of ourselves; `*ret_why` says it.
 */
bool verdict_of_peer(const struct chain *presented, const struct chain *verified,
                     const struct probe_peer *peer, int64_t wall_ms, struct verdict *ret_verdict,
                     const char **ret_why);

/* Of a file, which no authority is asked about: whether what is in it belongs together. */
void verdict_of_file(const struct chain *chain, const char *const *names, int64_t wall_ms,
                     struct verdict *ret_verdict);

/* Adds a problem, unless there is one of that fault at that depth already. */
void verdict_add(struct verdict *verdict, enum fault fault, int depth, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Derives name_ok and chain_ok from the problems; after the last one was added. */
void verdict_conclude(struct verdict *verdict);

/* The gravest; FAULT_NONE: nothing is wrong. */
enum fault verdict_worst(const struct verdict *verdict);

/* "2026-11-28", of milliseconds since 1970. */
void verdict_print_date(int64_t wall_ms, char *out, size_t room);

/* One sentence: all problems, or how long it is good. */
void verdict_explain(const struct verdict *verdict, const struct certificate *leaf, char *out,
                     size_t room);

/* What to do about the gravest, or about an end that is near; NULL: nothing. */
const char *verdict_hint(const struct verdict *verdict);

#endif
