/*
 * sentinel - where the master is now, as Redis' sentinels say: they are asked one after the other,
 * the one that answered last first, each over a connection that is closed before the master's is
 * opened.
 */
#ifndef REDIS_SENTINEL_H
#define REDIS_SENTINEL_H

#include "wire.h"

/* Which sentinels, and what they call the master. */
struct sentinel_group {
    const char *name;
    struct wire_server *sentinels; /* with the user and the password that they ask for */
    size_t count;
};

/* One a wire, whose `guide` it is. */
struct sentinel {
    struct wire_guide guide;
    const struct sentinel_group *group;
    struct wire wire;       /* to the sentinel that is asked now */
    struct wire *asks;      /* for whom */
    struct probe_op *timer; /* of the present one, which may take the question and say nothing */
    size_t at, tried;
    bool answered; /* at least one of them did, and knew no such master */
};

void sentinel_init(struct sentinel *sentinel, struct probe_life *life,
                   const struct sentinel_group *group);

#endif
