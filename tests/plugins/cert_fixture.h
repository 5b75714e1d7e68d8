/*
 * cert_fixture - what the tests of plugins/cert share: a root, an intermediate and leaves below it,
 * as certificates, as DER and as PEM, all of which lives until the program ends.
 */
#ifndef TESTS_CERT_FIXTURE_H
#define TESTS_CERT_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../unit/pki.h"
#include "common/cert/verdict.h"

static struct pki_pair root, intermediate;

/* What is made on the way, for LeakSanitizer: freed at the end. */
static void *made[512];
static struct pki_pair made_pairs[128];
static size_t made_count, made_pair_count;

static inline void *keep(void *thing)
{
    assert_true(made_count < 512);
    return made[made_count++] = thing;
}

static inline struct pki_pair issue(struct pki_wish wish)
{
    assert_true(made_pair_count < 128);
    return made_pairs[made_pair_count++] = pki_issue(wish);
}

/* A leaf for shop.example and 127.0.0.1, valid from and to so many days from now. */
static inline struct pki_pair leaf(long from_days, long to_days)
{
    return issue((struct pki_wish){.name = "shop",
                                   .names = "DNS:shop.example,IP:127.0.0.1",
                                   .from_days = from_days,
                                   .to_days = to_days,
                                   .issuer = &intermediate});
}

static inline struct probe_bytes der_of(const struct pki_pair *pair)
{
    unsigned char *der = NULL;
    int len = i2d_X509(pair->certificate, &der);
    unsigned char *exact = keep(malloc((size_t)len)); /* of exactly this size, for ASan */
    memcpy(exact, der, (size_t)len);
    OPENSSL_free(der);
    return (struct probe_bytes){exact, (size_t)len};
}

static inline const char *text_of(BIO *bio)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    char *text = keep(strndup(bytes, (size_t)len));
    BIO_free(bio);
    return text;
}

static inline const char *pem_of(const struct pki_pair *pair)
{
    BIO *bio = BIO_new(BIO_s_mem());
    (void)PEM_write_bio_X509(bio, pair->certificate);
    return text_of(bio);
}

static inline const char *key_of(const struct pki_pair *pair, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    (void)PEM_write_bio_PKCS8PrivateKey(bio,
                                        pair->key,
                                        passphrase ? EVP_aes_128_cbc() : NULL,
                                        passphrase,
                                        passphrase ? (int)strlen(passphrase) : 0,
                                        NULL,
                                        NULL);
    return text_of(bio);
}

static inline const char *joined(const char *a, const char *b)
{
    char *text = NULL;
    assert_true(asprintf(&text, "%s%s", a, b) >= 0);
    return keep(text);
}

/* A minute after certificates were made, so that days left are never a round number. */
static inline int64_t now_ms(void)
{
    return ((int64_t)time(NULL) + 60) * 1000;
}

/* -------------------------------------------- chains, and what is said ---- */

static inline struct chain *chain_of(size_t count, const struct pki_pair *const *pairs)
{
    struct probe_bytes der[48];
    for (size_t i = 0; i < count; i++)
        der[i] = der_of(pairs[i]);
    return chain_of_der(der, count);
}

#define CHAIN(...)                                                                                 \
    chain_of(sizeof((const struct pki_pair *[]){__VA_ARGS__}) / sizeof(void *),                    \
             (const struct pki_pair *[]){__VA_ARGS__})

static inline struct chain *file_of(const char *text)
{
    return chain_of_file(text, strlen(text));
}

static inline struct verdict of_file(const struct chain *chain, const char *const *names)
{
    struct verdict verdict;
    verdict_of_file(chain, names, now_ms(), &verdict);
    return verdict;
}

static inline const char *explained(const struct verdict *verdict, const struct chain *chain)
{
    static char out[500];
    verdict_explain(verdict, &chain->all[0], out, sizeof(out));
    return out;
}

/* ---------------------------------------------------------------- peers ---- */

struct shown {
    struct probe_peer face;
    struct probe_bytes presented[4], verified[4];
};

/* A peer that presents the leaf and the intermediate, of which verification built a chain. */
static inline struct probe_peer *peer_of(const struct pki_pair *pair)
{
    struct shown *shown = keep(calloc(1, sizeof(*shown)));
    shown->presented[0] = shown->verified[0] = der_of(pair);
    shown->presented[1] = shown->verified[1] = der_of(&intermediate);
    shown->verified[2] = der_of(&root);
    shown->face = (struct probe_peer){.address = "192.0.2.1",
                                      .port = 443,
                                      .tls_version = "TLSv1.3",
                                      .cipher = "TLS_AES_256_GCM_SHA384",
                                      .presented = shown->presented,
                                      .presented_count = 2,
                                      .verified = shown->verified,
                                      .verified_count = 3};
    return &shown->face;
}

static inline struct probe_peer *good_peer(void)
{
    struct pki_pair pair = leaf(-1, 89);
    return peer_of(&pair);
}

/* The same, with something that verification holds against it. */
static inline struct probe_peer *bad_peer(int code, const char *text)
{
    struct probe_peer *peer = good_peer();
    struct probe_problem *problem = keep(calloc(1, sizeof(*problem)));
    *problem = (struct probe_problem){code, 0, text};
    peer->problems = problem;
    peer->problem_count = 1;
    peer->verified_count = 0;
    return peer;
}

static inline int set_up_pki(void **state)
{
    (void)state;
    root = pki_issue((struct pki_wish){.name = "Root", .to_days = 3650, .authority = true});
    intermediate = pki_issue(
        (struct pki_wish){.name = "Middle", .to_days = 1000, .authority = true, .issuer = &root});
    return 0;
}

static inline int tear_down_pki(void **state)
{
    (void)state;
    for (size_t i = 0; i < made_count; i++)
        free(made[i]);
    for (size_t i = 0; i < made_pair_count; i++)
        pki_free(&made_pairs[i]);
    pki_free(&intermediate);
    pki_free(&root);
    return 0;
}

#endif
