/*
 * pki - certificates made on the spot, for tests: good ones, and each kind of bad one.
 *
 * Everything is static inline, so that a test includes this file and links nothing more.  Keys
 * are P-256: one takes less than a millisecond.
 */
#ifndef TESTS_PKI_H
#define TESTS_PKI_H

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>

struct pki_pair {
    X509 *certificate;
    EVP_PKEY *key;
};

/* What to put into one; days count from now, and may be negative. */
struct pki_wish {
    const char *name;  /* the common name */
    const char *names; /* "DNS:localhost,IP:127.0.0.1"; NULL: none */
    long from_days, to_days;
    bool authority;
    const struct pki_pair *issuer; /* NULL: signed by itself */
    unsigned rsa_bits;             /* zero: P-256 */
    const EVP_MD *digest;          /* NULL: SHA-256 */
};

static inline void pki_extend(X509 *certificate, const X509 *issuer, int nid, const char *value)
{
    X509V3_CTX on;
    X509V3_set_ctx(&on, (X509 *)issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &on, nid, value);
    assert(extension);
    (void)X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static inline struct pki_pair pki_issue(struct pki_wish wish)
{
    static long serial;
    struct pki_pair pair = {X509_new(),
                            wish.rsa_bits ? EVP_RSA_gen(wish.rsa_bits) : EVP_EC_gen("P-256")};
    const struct pki_pair *issuer = wish.issuer ? wish.issuer : &pair;
    X509_NAME *name = X509_get_subject_name(pair.certificate);
    (void)X509_set_version(pair.certificate, X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(pair.certificate), ++serial);
    (void)X509_gmtime_adj(X509_getm_notBefore(pair.certificate), wish.from_days * 86400 - 60);
    (void)X509_gmtime_adj(X509_getm_notAfter(pair.certificate), wish.to_days * 86400);
    (void)X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_UTF8, (const unsigned char *)wish.name, -1, -1, 0);
    (void)X509_set_issuer_name(pair.certificate, X509_get_subject_name(issuer->certificate));
    (void)X509_set_pubkey(pair.certificate, pair.key);
    pki_extend(pair.certificate,
               issuer->certificate,
               NID_basic_constraints,
               wish.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    pki_extend(pair.certificate, issuer->certificate, NID_subject_key_identifier, "hash");
    if (wish.names)
        pki_extend(pair.certificate, issuer->certificate, NID_subject_alt_name, wish.names);
    int signed_len =
        X509_sign(pair.certificate, issuer->key, wish.digest ? wish.digest : EVP_sha256());
    assert(signed_len > 0);
    (void)signed_len;
    return pair;
}

static inline void pki_free(struct pki_pair *pair)
{
    X509_free(pair->certificate);
    EVP_PKEY_free(pair->key);
    *pair = (struct pki_pair){NULL, NULL};
}

/* Writes a certificate, the one it was issued by and a key into a PEM file; each may be NULL. */
static inline void pki_write(const char *path, X509 *certificate, X509 *above, EVP_PKEY *key)
{
    FILE *file = fopen(path, "we");
    assert(file);
    if (certificate)
        (void)PEM_write_X509(file, certificate);
    if (above)
        (void)PEM_write_X509(file, above);
    if (key)
        (void)PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    (void)fclose(file);
}

/* A server's context that presents `pair` and, unless it is NULL, what stands above it. */
static inline SSL_CTX *pki_server(const struct pki_pair *pair, X509 *above)
{
    SSL_CTX *server = SSL_CTX_new(TLS_server_method());
    (void)SSL_CTX_use_certificate(server, pair->certificate);
    (void)SSL_CTX_use_PrivateKey(server, pair->key);
    (void)SSL_CTX_set_mode(server, SSL_MODE_NO_AUTO_CHAIN);
    if (above)
        (void)SSL_CTX_add1_chain_cert(server, above);
    return server;
}

#endif
