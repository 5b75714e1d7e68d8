/*
 * stream - what XINFO GROUPS says of a stream's consumer groups.  Pure functions.
 */
#ifndef REDIS_STREAM_H
#define REDIS_STREAM_H

#include <hiredis/hiredis.h>

#include "rows.h"

struct stream_groups {
    size_t count;
    int64_t lag;                /* of the slowest, in entries; -1: unknown, as before 7.0 */
    bool unknown;               /* a group did not tell its lag */
    int64_t pending, consumers; /* of all */
    char slowest[48];           /* the last id that the slowest group was given, or "" */
    uint64_t mark;              /* another one whenever any group has been given something */
    struct rows rows;
};

struct stream_groups stream_read_groups(const redisReply *reply);

/* When an entry was added, by its id "1526919030474-55": in ms; -1: it says no time. */
int64_t stream_id_ms(const char *id);

#endif
