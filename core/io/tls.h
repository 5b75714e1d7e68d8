/*
 * tls - an operator's "tls:" settings, and what verification holds against a peer.
 *
 * Handshakes complete unverified; then the chain is verified and everything that is wrong is
 * collected, so that one expired certificate does not hide a wrong name.  Streams and requests
 * that are PROBE_SAFE fail when anything was found, PROBE_SHOWN ones go on and report it.
 * Contexts and stores are shared by all that have the same settings, and made again when their
 * files have changed: a store of its own costs 0.9 MB and 50 ms each (measured).
 *
 * This is the contract's `struct probe_tls`.
 *
 * Layer: io.  Uses: base, OpenSSL.
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/error.h"
#include "runbookd/probe.h"

enum tls_verify {
    TLS_VERIFY_FULL,
    TLS_VERIFY_CA,  /* any name will do */
    TLS_VERIFY_NONE /* nothing is held against anybody */
};

/* Filled from the configuration by probe/schema, owned by it; NULL members: the default. */
struct probe_tls {
    const char *ca;          /* file of authorities, PEM, trusted instead of the system's */
    const char *certificate; /* our own, for servers that ask for one; PEM, with its chain */
    const char *key;         /* its key; PEM; NULL: in the same file */
    const char *name;        /* sent as SNI and verified against, instead of the host */
    enum tls_verify verify;
    uint16_t lowest; /* 0x0301 ... 0x0304; zero: TLS 1.2 */
};

/*
 * The client context for `tls` (NULL: the defaults), which verifies nothing by itself; shared,
 * to be freed by SSL_CTX_free().  NULL and `*error`, which names the file, on failure.
 */
SSL_CTX *tls_context(const struct probe_tls *tls, struct error *error);

/* The same settings on a context that a library made: our certificate, versions, OCSP. */
int tls_apply(SSL_CTX *context, const struct probe_tls *tls, struct error *error);

/* The authorities of `tls`; shared, to be freed by X509_STORE_free(). */
X509_STORE *tls_store(const struct probe_tls *tls, struct error *error);

/* Whether they can be used now, for "validate": reads the files that `tls` names. */
int tls_check(const struct probe_tls *tls, struct error *error);

/* What is sent as SNI and verified against: the operator's name, else `host`. */
const char *tls_name(const struct probe_tls *tls, const char *host);

/* A handshake's findings, kept as long as whoever shows them.  Zeroed at first. */
struct tls_peer {
    struct probe_peer face; /* what the contract shows; points into the rest */
    char *strings[4];
    struct probe_bytes *presented, *verified;
    struct probe_problem *problems;
    unsigned char *ocsp;
};

/* Who it is, before and without TLS: a numeric address or a socket's path. */
void tls_peer_set_address(struct tls_peer *peer, const char *address, uint16_t port);

/*
 * After a handshake: what the peer presented, the chain that verification built against `tls`
 * for `host` (a name or an address), and all problems.
 */
void tls_peer_fill(struct tls_peer *peer, SSL *ssl, const struct probe_tls *tls, const char *host);

/*
 * The two halves of tls_peer_fill(), for libraries that send as soon as the handshake is over:
 * there tls_peer_verify() runs in SSL_CTX_set_cert_verify_callback(), with the chain that
 * X509_STORE_CTX_get0_untrusted() gives, leaf first, and the callback refuses (SSL_VERIFY_PEER
 * set) where problems were found and the request is not PROBE_SHOWN.
 */
void tls_peer_verify(struct tls_peer *peer, const STACK_OF(X509) * presented,
                     const struct probe_tls *tls, const char *host);
void tls_peer_describe(struct tls_peer *peer, SSL *ssl);

void tls_peer_finish(struct tls_peer *peer);

/* All problems in one sentence: "the certificate expired on 2026-01-01; it is for a, not for b". */
void tls_peer_explain(const struct tls_peer *peer, char *out, size_t room);

/*
 * Why a handshake or a transfer failed, from this thread's OpenSSL errors, which are cleared; to
 * follow "TLS failed: ", as in "it does not speak TLS on this port".
 */
void tls_explain_failure(char *out, size_t room);

/* What verification takes for the present, in seconds since 1970; zero: the real time.  Tests. */
void tls_use_time(int64_t wall_s);

/* Frees what is shared; for the end of the process and for tests. */
void tls_shutdown(void);

#endif
