/*
 * metrics - what /metrics and agent.otlp tell: the agent's own numbers, and what its checks did and found last.
 *
 * Every family is bounded; what is left out is counted in a family of its own.
 * packaging/grafana names what is here, and a test holds the two together.
 *
 * Layer: app.  Uses: base/exposition, probe, vm/state.
 */
#ifndef APP_METRICS_H
#define APP_METRICS_H

#include "app/session.h"
#include "app/upkeep.h"
#include "base/exposition.h"
#include "incident/lease.h"
#include "out/sink.h"
#include "probe/board.h"
#include "probe/schedule.h"

/* What the numbers are read from; all borrowed. */
struct metrics_source {
    const struct session *session;
    struct schedule *schedule;
    const struct upkeep *upkeep;
    struct board *board;
    const struct lease *lease; /* NULL: there is none */
    const struct sinks *sinks;
    const char *host, *boot;
    int64_t started_wall_ms;
};

/* Writes the page, in the exposition's format.  False: its text has no room for all of it. */
bool metrics_write(const struct metrics_source *source, struct exposition *exposition);

/* The name of this node, as findings have it. */
const char *metrics_node(const struct metrics_source *source);

/* For metrics_checks.c: the families that have a line for a check, a subject or a measure. */
void metrics_write_checks(const struct metrics_source *source, struct exposition *exposition);

#endif
