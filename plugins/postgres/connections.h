/*
 * connections - the sessions of clients against the slots that they may use.
 */
#ifndef POSTGRES_CONNECTIONS_H
#define POSTGRES_CONNECTIONS_H

#include <runbookd/probe.h>

#include "common/pq/answer.h"

extern const struct probe_measure connections_measures[];
void run_connections(struct probe_target *self, struct probe_run *run);

/* From the rows of connections.sql. */
void check_connections(struct probe_run *run, const struct answer *answer);

/* "96 of 97 usable connections are used (backend 71, metabase 9, ...)", from the same rows. */
void connections_say_usage(const struct rows *rows, char *out, size_t room);

#endif
