/*
 * fallback - what the agent starts with when its configuration is wrong.
 *
 * A sidecar that exits takes its pod's readiness along: one bad ConfigMap, and the application is
 * down at the next rollout.  So in roles sidecar and node the agent starts all the same: with the
 * last good configuration, or, where there is none, watching nothing; and says so.
 *
 * Layer: app.  Uses: base, probe/config, keep.
 */
#ifndef APP_FALLBACK_H
#define APP_FALLBACK_H

#include "app/session.h"

/*
 * The configuration of -c has `errors` errors, which were printed.  True: the session has another
 * one; false: the agent is to exit.
 */
bool fallback_take(struct session *session, const struct options *options, size_t errors);

#endif
