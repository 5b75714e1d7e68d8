#include "io/http_trust.h"

#include <string.h>

#include "base/mem.h"

struct http_verdict {
    unsigned holders;
    struct tls_peer peer;
    SSL_CTX *context;  /* the settings it was made with: they live on while it does, */
    X509_STORE *store; /* so that no other settings can have their addresses */
    enum tls_verify verify;
    char *name;
};

static int on_connection = -1; /* where an SSL keeps its verdict ... */
static int on_context = -1;    /* ... and a context the name to send instead of the host */

static void verdict_gone(void *parent, void *verdict, CRYPTO_EX_DATA *all, int index, long argl,
                         void *argp)
{
    (void)parent, (void)all, (void)index, (void)argl, (void)argp;
    http_verdict_release(verdict);
}

static void name_gone(void *parent, void *name, CRYPTO_EX_DATA *all, int index, long argl,
                      void *argp)
{
    (void)parent, (void)all, (void)index, (void)argl, (void)argp;
    free(name);
}

static void find_places(void)
{
    if (on_connection >= 0)
        return;
    on_connection = SSL_get_ex_new_index(0, NULL, NULL, NULL, verdict_gone);
    on_context = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, name_gone);
}

/* ------------------------------------------------------------ preparing ---- */

int http_trust_take(struct http_trust *trust, const struct probe_tls *tls, const char *host,
                    struct error *error)
{
    *trust = (struct http_trust){.tls = tls, .host = host};
    trust->context = tls_context(tls, error);
    trust->store = trust->context ? tls_store(tls, error) : NULL;
    if (trust->store)
        return 0;
    http_trust_release(trust);
    return error->code;
}

void http_trust_release(struct http_trust *trust)
{
    SSL_CTX_free(trust->context);
    X509_STORE_free(trust->store);
    *trust = (struct http_trust){0};
}

/* libcurl sends the URL's host; this is called before the first message is put together. */
static void on_handshake(const SSL *ssl, int where, int value)
{
    char *name = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), on_context);
    (void)value;
    if (where == SSL_CB_HANDSHAKE_START && name)
        (void)SSL_set_tlsext_host_name((SSL *)(uintptr_t)ssl, name);
}

void http_trust_prepare(const struct http_trust *trust, SSL_CTX *context)
{
    SSL_CTX *ours = trust->context;
    X509 *certificate = SSL_CTX_get0_certificate(ours);
    EVP_PKEY *key = SSL_CTX_get0_privatekey(ours);
    STACK_OF(X509) *chain = NULL;
    find_places();
    SSL_CTX_set_security_level(context, SSL_CTX_get_security_level(ours));
    (void)SSL_CTX_set_min_proto_version(context, (int)SSL_CTX_get_min_proto_version(ours));
    (void)SSL_CTX_set_tlsext_status_type(context, TLSEXT_STATUSTYPE_ocsp);
    (void)SSL_CTX_get0_chain_certs(ours, &chain);
    if (certificate && key)
        (void)SSL_CTX_use_cert_and_key(context, certificate, key, chain, 1);
    if (tls_name(trust->tls, trust->host) != trust->host) {
        (void)SSL_CTX_set_ex_data(context, on_context, mem_copy(tls_name(trust->tls, trust->host)));
        SSL_CTX_set_info_callback(context, on_handshake);
    }
}

/* -------------------------------------------------------------- judging ---- */

static enum tls_verify wanted_verify(const struct http_trust *trust)
{
    return trust->tls ? trust->tls->verify : TLS_VERIFY_FULL;
}

static struct http_verdict *examine(const struct http_trust *trust, SSL *ssl)
{
    struct http_verdict *verdict = mem_new(sizeof(*verdict));
    tls_peer_fill(&verdict->peer, ssl, trust->tls, trust->host);
    verdict->holders = 1;
    verdict->context = trust->context;
    verdict->store = trust->store;
    (void)SSL_CTX_up_ref(trust->context);
    (void)X509_STORE_up_ref(trust->store);
    verdict->verify = wanted_verify(trust);
    verdict->name = mem_copy(tls_name(trust->tls, trust->host));
    return verdict;
}

static bool fits(const struct http_verdict *verdict, const struct http_trust *trust)
{
    return verdict->context == trust->context && verdict->store == trust->store &&
           verdict->verify == wanted_verify(trust) &&
           strcmp(verdict->name, tls_name(trust->tls, trust->host)) == 0;
}

enum http_trusted http_trust_judge(const struct http_trust *trust, SSL *ssl,
                                   struct http_verdict **ret_verdict)
{
    find_places();
    struct http_verdict *verdict = SSL_get_ex_data(ssl, on_connection);
    if (verdict && !fits(verdict, trust))
        return HTTP_UNFITTING;
    if (!verdict) {
        verdict = examine(trust, ssl);
        (void)SSL_set_ex_data(ssl, on_connection, verdict);
    }
    verdict->holders++;
    *ret_verdict = verdict;
    return verdict->peer.face.problem_count && verdict->verify != TLS_VERIFY_NONE ? HTTP_REFUSED
                                                                                  : HTTP_TRUSTED;
}

const struct tls_peer *http_verdict_peer(const struct http_verdict *verdict)
{
    return &verdict->peer;
}

void http_verdict_release(struct http_verdict *verdict)
{
    if (!verdict || --verdict->holders)
        return;
    tls_peer_finish(&verdict->peer);
    SSL_CTX_free(verdict->context);
    X509_STORE_free(verdict->store);
    free(verdict->name);
    free(verdict);
}
