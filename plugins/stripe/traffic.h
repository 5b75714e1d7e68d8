/*
 * traffic - how often Stripe turned this target's requests away, minute by minute.
 *
 * Limits are an account's, so that what our own few requests meet is what the application's meet.
 *
 * Pure.
 */
#ifndef STRIPE_TRAFFIC_H
#define STRIPE_TRAFFIC_H

#include <stdint.h>

enum { TRAFFIC_MINUTES = 16 };

struct traffic {
    struct {
        uint64_t minute; /* since the clock's start, and one: zero is an empty place */
        int64_t asked, limited, locked;
    } minutes[TRAFFIC_MINUTES];
    const char *limiter; /* of the last 429; NULL: none yet */
    char path[64];       /* the same */
};

enum traffic_end { TRAFFIC_FINE, TRAFFIC_LIMITED, TRAFFIC_LOCKED };

/* A request was answered, or not; `limiter` and `path` of one that was turned away. */
void traffic_note(struct traffic *traffic, uint64_t now_ms, enum traffic_end end,
                  const char *limiter, const char *path);

/* What there was within the last `minutes`, the present one among them. */
struct traffic_sum {
    int64_t asked, limited, locked;
    int64_t worst; /* the most 429 in one minute, lock_timeout not among them */
};
struct traffic_sum traffic_sum(const struct traffic *traffic, uint64_t now_ms, int64_t minutes);

#endif
