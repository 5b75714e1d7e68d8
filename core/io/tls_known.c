#include "io/tls_known.h"

#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

enum { DIGEST_LEN = 32 };

struct known {
    unsigned char digest[DIGEST_LEN];
    X509_STORE *store;
    int64_t from_s, until_s;
    size_t shared;             /* so many of the verified ones are as they were presented ... */
    struct probe_bytes *above; /* ... and these are the others */
    size_t above_count;
};

static struct known *slots[TLS_KNOWN_SLOTS];

static void known_free(struct known *known)
{
    if (!known)
        return;
    for (size_t i = 0; i < known->above_count; i++)
        free((void *)known->above[i].first);
    free(known->above);
    X509_STORE_free(known->store);
    free(known);
}

void tls_known_forget_all(void)
{
    for (size_t i = 0; i < TLS_KNOWN_SLOTS; i++) {
        known_free(slots[i]);
        slots[i] = NULL;
    }
}

/* False: not to be had, so that nothing is taken for the same. */
static bool digest_of(const struct tls_question *question, const struct tls_peer *peer,
                      unsigned char out[DIGEST_LEN])
{
    const char *host = question->host ? question->host : "";
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool fine = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(digest, &question->verify, sizeof(question->verify)) == 1 &&
                EVP_DigestUpdate(digest, host, strlen(host) + 1) == 1;
    for (size_t i = 0; fine && i < peer->face.presented_count; i++) {
        const struct probe_bytes *der = &peer->presented[i];
        fine = EVP_DigestUpdate(digest, &der->len, sizeof(der->len)) == 1 &&
               EVP_DigestUpdate(digest, der->first, der->len) == 1;
    }
    fine = fine && EVP_DigestFinal_ex(digest, out, NULL) == 1;
    EVP_MD_CTX_free(digest);
    return fine;
}

static struct known **slot_of(const unsigned char digest[DIGEST_LEN])
{
    return &slots[(digest[0] | (unsigned)digest[1] << 8) % TLS_KNOWN_SLOTS];
}

static struct probe_bytes copy(struct probe_bytes bytes)
{
    return (struct probe_bytes){(unsigned char *)mem_copy_n(bytes.first, bytes.len), bytes.len};
}

bool tls_known_find(const struct tls_question *question, struct tls_peer *peer)
{
    unsigned char digest[DIGEST_LEN];
    if (!digest_of(question, peer, digest))
        return false;
    const struct known *known = *slot_of(digest);
    if (!known || known->store != question->store ||
        memcmp(known->digest, digest, sizeof(digest)) != 0 || question->now_s < known->from_s ||
        question->now_s >= known->until_s)
        return false;
    size_t count = known->shared + known->above_count;
    peer->verified = mem_array(count, sizeof(*peer->verified));
    for (size_t i = 0; i < count; i++)
        peer->verified[i] =
            copy(i < known->shared ? peer->presented[i] : known->above[i - known->shared]);
    peer->face.verified = peer->verified;
    peer->face.verified_count = count;
    return true;
}

/* When the first of them expires; in the past where that cannot be said. */
static int64_t first_end_of(const STACK_OF(X509) * chain)
{
    int64_t end = INT64_MAX;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        struct tm tm = {0};
        int64_t own = ASN1_TIME_to_tm(X509_get0_notAfter(sk_X509_value(chain, i)), &tm) == 1
                          ? timegm(&tm)
                          : 0;
        end = own < end ? own : end;
    }
    return end;
}

void tls_known_keep(const struct tls_question *question, const struct tls_peer *peer,
                    const STACK_OF(X509) * chain)
{
    struct known *known = mem_new(sizeof(*known));
    const struct probe_peer *face = &peer->face;
    int64_t end_s = first_end_of(chain);
    if (!digest_of(question, peer, known->digest) || X509_STORE_up_ref(question->store) != 1) {
        free(known);
        return;
    }
    known->store = question->store;
    known->from_s = question->now_s;
    known->until_s = known->from_s + TLS_KNOWN_S < end_s ? known->from_s + TLS_KNOWN_S : end_s;
    while (known->shared < face->verified_count && known->shared < face->presented_count &&
           face->verified[known->shared].len == face->presented[known->shared].len &&
           memcmp(face->verified[known->shared].first,
                  face->presented[known->shared].first,
                  face->verified[known->shared].len) == 0)
        known->shared++;
    known->above_count = face->verified_count - known->shared;
    known->above = mem_array(known->above_count, sizeof(*known->above));
    for (size_t i = 0; i < known->above_count; i++)
        known->above[i] = copy(face->verified[known->shared + i]);
    struct known **slot = slot_of(known->digest);
    known_free(*slot);
    *slot = known;
}
