/*
 * store - certificates and their key in PKCS#12, as .p12 and .pfx files are.
 *
 * Opening one is slow on purpose, so it is done on the pool.
 */
#ifndef CERT_STORE_H
#define CERT_STORE_H

#include "common/cert/chain.h"

enum store_state {
    STORE_NONE,    /* it is no PKCS#12 */
    STORE_LOCKED,  /* the password is wrong, or missing */
    STORE_STRANGE, /* it is of a kind that OpenSSL does not open, or damaged */
    STORE_OPEN
};

struct store {
    struct probe_run *run; /* to be touched on the loop only, and if that is not over */
    unsigned char *bytes;
    size_t len;
    char *password; /* NULL: none */

    enum store_state state;
    struct chain *chain; /* its own certificate first */
    enum chain_key key;
};

/* Copies both; NULL: out of memory.  The password may be NULL. */
struct store *store_new(struct probe_run *run, const char *bytes, size_t len, const char *password);

/* Opens it, on a pool thread: a probe_work_fn. */
int store_open(void *store);

void store_free(struct store *store);

#endif
