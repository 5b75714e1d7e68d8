#include "common/cert/shelf.h"

#include <openssl/evp.h>
#include <string.h>

void shelf_begin(struct shelf *shelf, uint64_t now_ms)
{
    shelf->keeps = shelf->last_run_ms && now_ms - shelf->last_run_ms <= SHELF_WITHIN_MS;
    shelf->last_run_ms = now_ms;
    if (!shelf->keeps)
        shelf_empty(shelf);
}

/* False: not to be had, so that nothing is taken for the same. */
static bool digest_of(const struct probe_bytes *all, size_t count, unsigned char *out)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool fine = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; fine && i < count; i++)
        fine = EVP_DigestUpdate(digest, &all[i].len, sizeof(all[i].len)) == 1 &&
               EVP_DigestUpdate(digest, all[i].first, all[i].len) == 1;
    fine = fine && EVP_DigestFinal_ex(digest, out, NULL) == 1;
    EVP_MD_CTX_free(digest);
    return fine;
}

struct chain *shelf_take(struct shelf *shelf, const struct probe_bytes *all, size_t count)
{
    unsigned char digest[CHAIN_DIGEST];
    if (!shelf->keeps || count == 0 || !digest_of(all, count, digest))
        return chain_of_der(all, count);
    for (size_t i = 0; i < SHELF_MOST; i++)
        if (shelf->all[i] && memcmp(shelf->all[i]->digest, digest, sizeof(digest)) == 0)
            return chain_share(shelf->all[i]);
    struct chain *chain = chain_of_der(all, count);
    if (!chain)
        return NULL;
    memcpy(chain->digest, digest, sizeof(digest));
    chain_free(shelf->all[shelf->next]);
    shelf->all[shelf->next] = chain_share(chain);
    shelf->next = (shelf->next + 1) % SHELF_MOST;
    return chain;
}

void shelf_end(struct shelf *shelf)
{
    for (size_t i = 0; i < SHELF_MOST; i++)
        if (shelf->all[i])
            chain_lighten(shelf->all[i]);
}

void shelf_empty(struct shelf *shelf)
{
    for (size_t i = 0; i < SHELF_MOST; i++) {
        chain_free(shelf->all[i]);
        shelf->all[i] = NULL;
    }
}
