/*
 * metric - the agent's own numbers, by name: what plugins count, and the core itself.
 *
 * app/metrics shows each as runbookd_NAME, of a target's plugin as runbookd_plugin_NAME, and what begins
 * with "sink_" with its owner as the label "sink".  Counting nothing makes it known.
 *
 * At most 1,000 names; more are refused with one word in the log.
 *
 * Layer: probe.  Uses: base.
 */
#ifndef PROBE_METRIC_H
#define PROBE_METRIC_H

#include <stdint.h>

/* A counter's name ends in _total, a gauge's in its unit; `owner` is a target's name, or NULL. */
void metric_count(const char *owner, const char *name, uint64_t add);
void metric_gauge(const char *owner, const char *name, double value);

/* Calls `fn` for each, sorted by name and owner. */
typedef void metric_fn(const char *owner, const char *name, double value, void *data);
void metric_each(metric_fn *fn, void *data);

void metric_forget_all(void);

#endif
