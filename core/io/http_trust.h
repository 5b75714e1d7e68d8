/*
 * http_trust - what libcurl's TLS connections are worth.
 *
 * libcurl is told to verify nothing.  Each connection is judged by us when its handshake is done
 * and before the first byte of a request is sent (CURLOPT_PREREQFUNCTION), with all that is wrong
 * with it at once; the verdict stays with the connection while it is kept.
 *
 * Layer: io.  Uses: base, OpenSSL, io/tls.
 */
#ifndef IO_HTTP_TRUST_H
#define IO_HTTP_TRUST_H

#include "io/tls.h"

/* What a request asks of a connection; zeroed at first, released by http_trust_release(). */
struct http_trust {
    const struct probe_tls *tls;
    const char *host;  /* the caller's */
    SSL_CTX *context;  /* our certificate and versions ... */
    X509_STORE *store; /* ... and authorities, as tls_context() and tls_store() give them */
};

/* Reads what `tls` names where it has changed; zero, or an error that names the file. */
int http_trust_take(struct http_trust *trust, const struct probe_tls *tls, const char *host,
                    struct error *error);
void http_trust_release(struct http_trust *trust);

/* What was found about a connection; counted, as requests outlive connections and vice versa. */
struct http_verdict;

enum http_trusted {
    HTTP_TRUSTED,
    HTTP_REFUSED,  /* by verification: nothing may be sent */
    HTTP_UNFITTING /* kept from a request with other settings: ask for a new connection */
};

/* Gives libcurl's context for one connection our certificate, lowest version and server name. */
void http_trust_prepare(const struct http_trust *trust, SSL_CTX *context);

/* Judges a connection; `*ret_verdict` is set unless it does not fit, and to be released. */
enum http_trusted http_trust_judge(const struct http_trust *trust, SSL *ssl,
                                   struct http_verdict **ret_verdict);

const struct tls_peer *http_verdict_peer(const struct http_verdict *verdict);
void http_verdict_release(struct http_verdict *verdict); /* NULL is fine */

#endif
