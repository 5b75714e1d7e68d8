/*
 * export - the agent's numbers, and its checks' measures, sent to a collector as OTLP (agent.otlp).
 *
 * Each `every` all that /metrics would show is sent, by HTTP as JSON: gauges as they are now, counters
 * and histograms since the agent began.  So nothing waits and nothing is sent twice: what a collector
 * that was away has missed, the next one makes good but for the graph's gap.  One request at a time.
 * That it cannot be reached, or leaves some out, is said once, and once when that is over.
 *
 * Layer: app.  Uses: app/metrics, base/exposition_otlp, io/http.
 */
#ifndef APP_EXPORT_H
#define APP_EXPORT_H

#include "app/metrics.h"

struct export;

/* Sends where the configuration says; `source` is borrowed. */
struct export *export_open(const struct metrics_source *source);

/* Another configuration is in force. */
void export_renew(struct export *export);

/* Drops what is under way.  NULL is fine. */
void export_close(struct export *export);

#endif
