/*
 * foreign - the silences that Alertmanager has, as GET /api/v2/silences tells them.
 *
 * Pure: what was read, and which of them a finding is under.  One whose matchers cannot be read here
 * silences nothing here, and is counted.
 *
 * Layer: incident.  Uses: base, incident/matchers, incident/silence, jansson.
 */
#ifndef INCIDENT_FOREIGN_H
#define INCIDENT_FOREIGN_H

#include "incident/matchers.h"
#include "incident/silence.h"

enum { FOREIGN_MOST = 2000, FOREIGN_UUID_LEN = 64 };

struct foreign {
    struct silence face; /* id: the first digits of its own; who, reason, times; nothing else */
    char uuid[FOREIGN_UUID_LEN];
    bool expired;
    struct matchers *matchers; /* NULL: they cannot be read here */
};

struct foreigns {
    struct foreign *all;
    size_t count, unread; /* those that hold, or will, and cannot be read here */
    char *wrong;          /* what of the first of these; or NULL */
};

/* NULL where it is no such answer.  Touches nothing else: may run on the pool. */
struct foreigns *foreigns_parse(const char *json, size_t len);
void foreigns_destroy(struct foreigns *foreigns); /* NULL is fine */

/* The first that holds at `now_ms` and fits the labels, but those that `skip` says are ours. */
typedef bool foreign_skip_fn(const char *uuid, void *data);
const struct foreign *foreigns_find(const struct foreigns *foreigns, const json_t *labels,
                                    int64_t now_ms, foreign_skip_fn *skip, void *data);

/* Whether it holds now. */
bool foreign_holds(const struct foreign *foreign, int64_t now_ms);

/* The one whose id begins so, or NULL. */
const struct foreign *foreigns_get(const struct foreigns *foreigns, const char *id);

/* Writes the members of silence_write() into the object that is open, and where it is from. */
void foreign_write(const struct foreign *foreign, struct writer *writer);

#endif
