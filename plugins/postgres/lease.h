/*
 * lease - a realm's lease in a PostgreSQL, and the documents that only its holder may write.
 */
#ifndef POSTGRES_LEASE_H
#define POSTGRES_LEASE_H

#include <runbookd/probe.h>

extern const struct probe_lease lease;

#endif
