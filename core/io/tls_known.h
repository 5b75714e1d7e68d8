/*
 * tls_known - chains that were verified before, and need not be verified again.
 *
 * Verifying costs a fifth of a handshake, and the same server mostly presents the same chain.  A
 * chain is known by all that its verification depends on: the bytes that were presented, the store
 * of authorities, the name, and what is held against it.  Only one in which nothing was wrong is
 * known, until a certificate of it expires, and ten minutes at most, so that authorities which the
 * system no longer trusts are noticed.  That the peer has the key is proved by each handshake anew.
 *
 * Layer: io.  Part of io/tls.
 */
#ifndef IO_TLS_KNOWN_H
#define IO_TLS_KNOWN_H

#include <stdint.h>

#include "io/tls.h"

enum { TLS_KNOWN_SLOTS = 2048, TLS_KNOWN_S = 600 };

/* What a verification depends on. */
struct tls_question {
    X509_STORE *store;
    const char *host; /* NULL: none */
    enum tls_verify verify;
    int64_t now_s;
};

/* Whether what `peer` presented is known: then its verified chain is filled in. */
bool tls_known_find(const struct tls_question *question, struct tls_peer *peer);

/* Keeps what `peer` presented and what was verified; `chain` is that, as OpenSSL has it. */
void tls_known_keep(const struct tls_question *question, const struct tls_peer *peer,
                    const STACK_OF(X509) * chain);

void tls_known_forget_all(void);

#endif
