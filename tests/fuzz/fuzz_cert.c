/*
 * Any bytes as a file of certificates, as one in DER that a peer presents, as its private key, and
 * as what a server says before TLS begins.  What comes out is bounded, and its names are JSON.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "../../plugins/common/cert/chain.c"
#include "../../plugins/common/cert/staple.c"
#include "../../plugins/common/cert/starttls.c"
#include "../../plugins/common/cert/verdict.c"

static void judge(const struct chain *chain)
{
    static const struct probe_peer peer;
    static const char *const names[] = {"shop.example", "127.0.0.1", NULL};
    static const int64_t now_ms = 1795000000000;
    struct verdict verdict;
    const char *why = NULL;
    char text[500];
    if (chain->count == 0)
        return;
    verdict_of_file(chain, names, now_ms, &verdict);
    verdict_explain(&verdict, &chain->all[0], text, sizeof(text));
    (void)verdict_hint(&verdict);
    (void)verdict_of_peer(chain, chain, &peer, now_ms, &verdict, &why);
    for (size_t i = 0; i < chain->count; i++) {
        json_t *list = json_loads(chain->all[i].names, 0, NULL);
        if (!json_is_array(list) || json_array_size(list) > CHAIN_NAMES_SHOWN)
            abort();
        json_decref(list);
    }
}

static void converse(enum starttls_kind kind, const char *bytes, size_t len)
{
    struct starttls talk;
    (void)starttls_begin(&talk, kind);
    for (size_t at = 0; at < len; at += 7) {
        struct starttls_next next = starttls_hear(&talk, bytes + at, len - at < 7 ? len - at : 7);
        bool writes = next.turn == STARTTLS_WRITE || next.turn == STARTTLS_WRITE_LAST;
        if (writes != (next.write_len > 0))
            abort();
        if (next.turn != STARTTLS_WAIT && next.turn != STARTTLS_WRITE)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct probe_bytes der = {bytes, len};
    struct chain *file = chain_of_file((const char *)bytes, len);
    struct chain *presented = chain_of_der(&der, 1);
    judge(file);
    judge(presented);
    if (file->count > 1)
        (void)staple_of(der, &file->all[0], &file->all[1], 1795000000000);
    if (file->count > 0)
        (void)chain_key_of(&file->all[0], (const char *)bytes, len, NULL);
    chain_free(file);
    chain_free(presented);
    for (int kind = STARTTLS_POSTGRES; kind <= STARTTLS_LDAP; kind++)
        converse((enum starttls_kind)kind, (const char *)bytes, len);
    return 0;
}
