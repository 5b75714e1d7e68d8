/*
 * spent - signatures that have counted, so that none counts twice, not even after a restart.
 *
 * Each is known by a digest of what was signed, and remembered while it is fresh.  Layer: incident.  Uses: base,
 * incident/memo.
 */
#ifndef INCIDENT_SPENT_H
#define INCIDENT_SPENT_H

#include <stdbool.h>
#include <stdint.h>

#include "incident/memo.h"

enum { SPENT_MOST = 256, SPENT_DIGEST_LEN = 64 };

struct spent;

/* Reads what was kept; blocks, for the start only.  `memo` is borrowed. */
struct spent *spent_create(struct memo *memo);
void spent_destroy(struct spent *spent); /* NULL is fine */

/*
 * It counts now, and never again until then: -EALREADY it has, -ENOSPC too many have within that time; and nobody
 * is told.  Zero: `fn` is told, once, later or at once, whether that is on disk, as memo_put() does.
 */
int spent_use(struct spent *spent, const char digest[SPENT_DIGEST_LEN + 1], int64_t now_ms,
              int64_t until_ms, memo_done_fn *fn, void *data);

#endif
