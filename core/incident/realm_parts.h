/*
 * realm_parts - what the files of incident/realm share.
 *
 *     realm.c            the guard's part, and what is read at a take-over
 *     realm_documents.c  what is written
 *
 * Layer: incident.  Only for realm*.c.
 */
#ifndef INCIDENT_REALM_PARTS_H
#define INCIDENT_REALM_PARTS_H

#include "base/list.h"
#include "incident/realm.h"
#include "io/wait.h"

struct realm {
    struct loop *loop;
    struct lease *lease;
    struct realm_hears hears;
    struct freeze *freeze; /* NULL: it does not go over */
    struct memo *memo;     /* the same */
    size_t stage;          /* of reading: which prefix is next */
    unsigned reading;      /* answers that are due; the last one counts */
    bool known;            /* what the realm knows, since we took the lease */
    struct timer again;
    struct list documents; /* on their way to the store */
    struct timer retry;
};

/*
 * Writes a document under the present token, again and again until the store has it or a later one of that key; NULL
 * removes it.  `fn` (may be NULL) is told once, later or at once, how the first attempt ended, within three seconds: as lease_put(), and
 * -ESTALE where the lease is not held; -ECANCELED: the realm is closed.
 */
void realm_put(struct realm *realm, const char *key, const char *value, lease_put_fn *fn,
               void *data);

/* Whether a document is there that the store has not taken. */
bool realm_lacks(const struct realm *realm);

/* Nothing more is written; who waits is told. */
void realm_drop(struct realm *realm);

#endif
