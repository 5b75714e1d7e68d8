/*
 * connect - logs in afresh and asks the smallest question: does the server let anybody in?
 */
#ifndef POSTGRES_CONNECT_H
#define POSTGRES_CONNECT_H

#include <runbookd/probe.h>

#include "common/pq/wire.h"

/* Of a run of connect: why the server refused, while it is asked who has all the connections. */
struct login {
    struct wire_run wire;
    struct trouble refusal;
};

extern const struct probe_measure connect_measures[];
void run_connect(struct probe_target *self, struct probe_run *run);

/* From the rows of connect.sql. */
void check_connect(struct probe_run *run, const struct answer *answer);

#endif
