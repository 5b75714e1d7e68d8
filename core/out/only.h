/*
 * only - whether a sink's "only:" lets an event through.
 *
 * Layer: out.  Uses: base, probe/config, probe/event, out/view.
 */
#ifndef OUT_ONLY_H
#define OUT_ONLY_H

#include "probe/config.h"
#include "probe/event.h"

bool only_fits(const struct config_only *only, const struct event *event);

#endif
