/*
 * chain - certificates, read into what can be told of them.
 *
 * Pure functions over bytes: no network, no file, no clock.  What certificates say of themselves is
 * printable UTF-8 when it comes out of here, whatever was in them.
 */
#ifndef COMMON_CERT_CHAIN_H
#define COMMON_CERT_CHAIN_H

#include <openssl/x509.h>
#include <runbookd/probe.h>

enum {
    CHAIN_MOST = 32,        /* certificates; more are counted */
    CHAIN_NAMES_SHOWN = 20, /* names of one certificate; more are counted */
    CHAIN_DIGEST = 32
};

struct certificate {
    X509 *x509;         /* NULL: given up; chain_x509() reads it again ... */
    unsigned char *der; /* ... from this; NULL: not needed so far */
    int der_len;
    unsigned long subject_hash, issuer_hash; /* of the names as OpenSSL compares them */
    char subject[256], issuer[256];          /* "CN=shop.example.org,O=Shop" */
    char common_name[128]; /* for sentences: the subject's, else the whole subject */
    char serial[80];       /* hexadecimal, as openssl prints it */
    char fingerprint[65];  /* SHA-256, hexadecimal */
    char *names;           /* of the alternative names, as a JSON list */
    int64_t name_count;
    int64_t from_ms, until_ms; /* since 1970 */
    const char *key_type;      /* one of chain_key_types */
    int key_bits;
    char digest[24];   /* of the signature: "SHA256" */
    bool weak_key;     /* today's clients refuse it */
    bool weak_digest;  /* likewise, unless the certificate is signed by itself */
    bool authority;    /* may sign others */
    bool signs_itself; /* its issuer is itself */
    bool must_staple;  /* it insists on an OCSP response (RFC 7633) */
};

struct chain {
    struct certificate *all; /* leaf first, as they came */
    size_t count;
    size_t total;                       /* how many there were */
    size_t unread;                      /* of a file: how many more begin, and are damaged */
    size_t shared;                      /* how many hold it, besides one */
    unsigned char digest[CHAIN_DIGEST]; /* of the bytes that it was read from; shelf's */
};

extern const char *const chain_key_types[]; /* ended by NULL */

/* To be freed; certificates that cannot be read are only in `total`.  NULL: out of memory. */
struct chain *chain_of_der(const struct probe_bytes *all, size_t count);

/* Of a file: PEM with whatever else stands in it, or one certificate in DER. */
struct chain *chain_of_file(const char *bytes, size_t len);

/* Of certificates that were read already, in the order of who issued whom; each may be NULL. */
struct chain *chain_of_x509(X509 *own, const STACK_OF(X509) * others);

/* What OpenSSL made of a certificate, borrowed; NULL: out of memory. */
X509 *chain_x509(const struct certificate *certificate);

/* Gives up what OpenSSL made of them, some 6 KiB each with their keys, and keeps the bytes. */
void chain_lighten(struct chain *chain);

/* The same chain once more, for another who will free it. */
struct chain *chain_share(struct chain *chain);
void chain_free(struct chain *chain);

/* Whether `above` issued `below`: by its name and, where it is read, by its signature. */
bool chain_names_issuer(const struct certificate *below, const struct certificate *above);
bool chain_is_signed_by(const struct certificate *below, const struct certificate *above);

/* Milliseconds since 1970; zero: it is no time, or NULL. */
int64_t chain_time_of(const ASN1_TIME *time);

/* Whether it may be used for a name or a numeric address. */
bool chain_is_for(const struct certificate *leaf, const char *name);

/* Why a certificate was revoked, in OpenSSL's words: "keyCompromise". */
const char *chain_reason(int code);

/* What a file says about being the certificate's private key; the password may be NULL. */
enum chain_key { CHAIN_KEY_NONE, CHAIN_KEY_LOCKED, CHAIN_KEY_OTHER, CHAIN_KEY_FITS };
enum chain_key chain_key_of(const struct certificate *leaf, const char *bytes, size_t len,
                            const char *password);

#endif
