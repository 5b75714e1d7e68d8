/*
 * lease - whether this agent holds its realm's lease, and the realm's documents under it.
 *
 * Of the agents of a realm one holds the lease, and it alone asks and changes what the realm has
 * once.  A target keeps it (probe/keeper).  It is renewed every third of its time; counted from when
 * a renewal was *asked for*, a tenth of the time before the store would give it away, it is over for
 * us, whatever the store says later.  So an agent that was stopped, or cut off, is the first to know:
 * lease_held() looks at the clock each time, and a late answer is not believed.
 *
 * The others stand by: each asks when the holder's time would be over, and up to half of the time
 * later, so that one of them takes over within one and a half times of it, and no store is asked
 * by all at once.  Where the store cannot be asked the pauses grow, and nobody holds the lease.
 *
 * Each change is an agent event: lease_taken, lease_lost, standby, lease_unreachable.
 *
 * Layer: incident.  Uses: base, io, probe/keeper, event.
 */
#ifndef INCIDENT_LEASE_H
#define INCIDENT_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/writer.h"
#include "probe/event.h"
#include "probe/keeper.h"

struct lease;

/*
 * `config` has a lease; `bus` is borrowed.  `holder` is what others are told who holds it: no two
 * processes may have the same.  NULL where the plugin refuses its target, which is told.
 */
struct lease *lease_create(struct loop *loop, struct bus *bus, struct config *config,
                           const char *holder, struct error *error);

/* Does not give it back: lease_release() does.  NULL is fine. */
void lease_destroy(struct lease *lease);

/* Begins to ask for it. */
void lease_start(struct lease *lease);

/* Whether it is held at this moment, by the clock; its token then.  NULL is not held. */
bool lease_held(const struct lease *lease, int64_t *ret_token);

/* Who holds it, as far as is known; NULL: nobody, or it is not known. */
const char *lease_holder(const struct lease *lease);

/* Hears that it is held from now on, or no longer: in the order in which they came. */
typedef void lease_fn(bool held, void *data);
void lease_watch(struct lease *lease, lease_fn *fn, void *data);
void lease_unwatch(struct lease *lease, lease_fn *fn, void *data);

/* Gives it back, if it is held, and asks for it no more; `fn` is called once, later, in `ms` at most. */
typedef void lease_released_fn(void *data);
void lease_release(struct lease *lease, uint64_t ms, lease_released_fn *fn, void *data);

/*
 * Writes a document of the realm's, under `token`; NULL removes it.  Answered once, later: zero,
 * -ESTALE where the lease is not held under it (then nothing was written), or -errno: of the store, or -E2BIG above KEEPER_LONGEST.  Of two with the same
 * key the later one counts.  `fn` may be NULL.
 */
typedef void lease_put_fn(int status, void *data);
void lease_put(struct lease *lease, int64_t token, const char *key, const char *value,
               lease_put_fn *fn, void *data);

/*
 * Leaves a letter, or removes it: any agent may, whoever holds the lease; `key` begins with LEASE_POST.  Answered
 * as above; -ESTALE: the store has no room, or knows no letters.
 */
#define LEASE_POST "post/"
void lease_post(struct lease *lease, const char *key, const char *value, lease_put_fn *fn,
                void *data);

/* The documents whose keys begin with `prefix`, ended by { 0 }; NULL with a status below zero. */
typedef void lease_get_fn(int status, const struct probe_pair *documents, void *data);
void lease_get(struct lease *lease, const char *prefix, lease_get_fn *fn, void *data);

/* What was asked for or written with `data` is not answered any more. */
void lease_forget(struct lease *lease, const void *data);

/*
 * When the holder's time is over by the clock on the wall, unless it is renewed: of another agent as it was
 * when it was asked for last.  Zero: not known.
 */
int64_t lease_until_ms(const struct lease *lease);

/* What others are told of this agent when it holds it. */
const char *lease_name(const struct lease *lease);

/* For heartbeats: lease, lease_token, lease_holder. */
void lease_write(const struct lease *lease, struct writer *writer);

#endif
