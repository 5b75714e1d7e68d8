/*
 * matchers - label matchers as PromQL has them: status=~"5..",route="/pay".
 *
 * https://prometheus.io/docs/prometheus/latest/querying/basics/, "Time series selectors".  Pure.
 */
#ifndef PROMETHEUS_MATCHERS_H
#define PROMETHEUS_MATCHERS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the text is a list of matchers; NULL and "" are. */
bool matchers_are(const char *text);

/*
 * The list without those of the label `name`, into `out`: what is asked of all requests, whatever
 * their status.  False where the room is too small.
 */
bool matchers_without(const char *text, const char *name, char *out, size_t room);

/* Whether a text may be the name of a metric, or of a label. */
bool matchers_is_metric(const char *text);
bool matchers_is_label(const char *text);

/* The labels' names as PromQL lists them, "route, method", each one checked. */
bool matchers_list(const char *const *labels, char *out, size_t room);

#endif
