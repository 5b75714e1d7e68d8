#include "store.h"

#include <openssl/crypto.h>
#include <openssl/pkcs12.h>
#include <stdlib.h>
#include <string.h>

struct store *store_new(struct probe_run *run, const char *bytes, size_t len, const char *password)
{
    struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return NULL;
    store->run = run;
    store->bytes = malloc(len ? len : 1);
    store->password = password ? strdup(password) : NULL;
    if (!store->bytes || (password && !store->password)) {
        store_free(store);
        return NULL;
    }
    memcpy(store->bytes, bytes, len);
    store->len = len;
    return store;
}

/* Without a password both "none" and "an empty one" are in use. */
static bool opens(PKCS12 *file, const char *password)
{
    return !PKCS12_mac_present(file) || PKCS12_verify_mac(file, password, -1) == 1 ||
           (!password && PKCS12_verify_mac(file, "", 0) == 1);
}

static void open_file(struct store *store, PKCS12 *file)
{
    EVP_PKEY *key = NULL;
    X509 *own = NULL;
    STACK_OF(X509) *others = NULL;
    if (!opens(file, store->password)) {
        store->state = STORE_LOCKED;
        return;
    }
    store->state = STORE_STRANGE;
    if (PKCS12_parse(file, store->password, &key, &own, &others) != 1)
        return;
    store->chain = chain_of_x509(own, others);
    store->state = store->chain ? STORE_OPEN : STORE_STRANGE;
    store->key = key && own
                     ? X509_check_private_key(own, key) == 1 ? CHAIN_KEY_FITS : CHAIN_KEY_OTHER
                     : CHAIN_KEY_NONE;
    EVP_PKEY_free(key);
    X509_free(own);
    sk_X509_pop_free(others, X509_free);
}

int store_open(void *data)
{
    struct store *store = data;
    const unsigned char *at = store->bytes;
    PKCS12 *file = d2i_PKCS12(NULL, &at, (long)store->len);
    if (file)
        open_file(store, file);
    PKCS12_free(file);
    OPENSSL_thread_stop(); /* the pool's threads keep no errors of ours */
    return 0;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    if (store->bytes)
        OPENSSL_cleanse(store->bytes, store->len);
    if (store->password)
        OPENSSL_cleanse(store->password, strlen(store->password));
    chain_free(store->chain);
    free(store->bytes);
    free(store->password);
    free(store);
}
