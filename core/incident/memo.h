/*
 * memo - small things that people said, and that outlive the process: silences, freezes, acks, locks.
 *
 * One JSON object each, under a kind and an id, in a table of agent.state.  Without a store nothing
 * is kept, which memo_keeps() says.
 *
 * Layer: incident.  Uses: base, io/store, jansson.
 */
#ifndef INCIDENT_MEMO_H
#define INCIDENT_MEMO_H

#include <jansson.h>
#include <stdbool.h>

#include "io/store.h"

enum { MEMO_MOST = 10000 /* that are read at the start */ };

struct memo;

/* `store` is borrowed, and may be NULL.  NULL where the table cannot be made. */
struct memo *memo_open(struct store *store, struct error *error);
void memo_close(struct memo *memo); /* before the store; NULL is fine */

bool memo_keeps(const struct memo *memo);

/* Reads all of a kind, in the order of their ids; blocks, for the start only. */
typedef void memo_fn(const char *id, const json_t *body, void *data);
int memo_each(struct memo *memo, const char *kind, memo_fn *fn, void *data);

/*
 * Keeps `body` (borrowed), or with NULL forgets what there is.  `fn` (may be NULL) is told once,
 * later, whether it is on disk; -ENOTSUP: nothing is kept here.
 */
typedef void memo_done_fn(int status, void *data);
void memo_put(struct memo *memo, const char *kind, const char *id, const json_t *body,
              memo_done_fn *fn, void *data);

/*
 * What is of cluster scope goes over to who takes the realm's lease next: whoever keeps it there is told, with
 * `body` borrowed (NULL: forget it), and answers once, later or at once.
 */
typedef void memo_mirror_fn(const char *kind, const char *id, const json_t *body, memo_done_fn *fn,
                            void *fn_data, void *data);
void memo_mirror(struct memo *memo, memo_mirror_fn *fn, void *data);

/* Whether anything goes over to anybody. */
bool memo_shares(const struct memo *memo);

/*
 * memo_put() of `here`, and the realm has `there`: zero; -EREMOTEIO: it is kept, but here alone.  Either may be NULL.
 */
void memo_put_shared(struct memo *memo, const char *kind, const char *id, const json_t *here,
                     const json_t *there, memo_done_fn *fn, void *data);

#endif
