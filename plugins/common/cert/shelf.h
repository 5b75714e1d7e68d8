/*
 * shelf - chains that a check read in its last runs, since the next run mostly sees the same.
 *
 * Decoding a certificate's key costs OpenSSL a fifth of a handshake.  What is kept is what was read,
 * and the bytes, some 3 KiB a certificate: OpenSSL's own form of it would be three times as much.
 * Only where runs follow each other within a minute: at the usual 15 minutes there is little to win.
 */
#ifndef COMMON_CERT_SHELF_H
#define COMMON_CERT_SHELF_H

#include "common/cert/chain.h"

enum { SHELF_MOST = 4, SHELF_WITHIN_MS = 60000 };

/* Zeroed at first. */
struct shelf {
    struct chain *all[SHELF_MOST];
    size_t next;          /* which is given up for a new one */
    uint64_t last_run_ms; /* zero: none yet */
    bool keeps;
};

/* A run begins; what is on it goes where the one before was too long ago. */
void shelf_begin(struct shelf *shelf, uint64_t now_ms);

/* The chain of these bytes, read now or before; to be freed.  NULL: out of memory. */
struct chain *shelf_take(struct shelf *shelf, const struct probe_bytes *all, size_t count);

/* A run has ended. */
void shelf_end(struct shelf *shelf);

void shelf_empty(struct shelf *shelf);

#endif
