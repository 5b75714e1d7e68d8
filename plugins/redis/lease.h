/*
 * lease - a realm's lease in a Redis, and the documents that only its holder may write.
 */
#ifndef REDIS_LEASE_H
#define REDIS_LEASE_H

#include <runbookd/probe.h>

extern const struct probe_lease lease;

#endif
