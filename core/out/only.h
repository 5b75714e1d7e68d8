/*
 * only - which events are a sink's: what its "only:" lets through, and what names it.
 *
 * Layer: out.  Uses: base, probe/config, probe/event, out/view.
 */
#ifndef OUT_ONLY_H
#define OUT_ONLY_H

#include "probe/config.h"
#include "probe/event.h"

bool only_fits(const struct config_only *only, const struct event *event);

/*
 * The same for a sink.  An event that names sinks (its member "notify": a plan that waits for people) goes to
 * these whatever their "only:" says, and to no other one that tells people.
 */
bool only_wants(const struct config_sink *sink, const struct event *event);

/* As only_fits(), whatever its status and level. */
bool only_fits_but_for_grade(const struct config_only *only, const struct event *event);

#endif
