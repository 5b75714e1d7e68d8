/*
 * hours_read - "hours", "days" and "tz" as they are written: of a check's "active", of windows.
 *
 * Layer: probe.  Uses: probe/hours, probe/schema.
 */
#ifndef PROBE_HOURS_READ_H
#define PROBE_HOURS_READ_H

#include "probe/hours.h"
#include "probe/schema.h"

/*
 * Fills the zeroed `hours` from the keys of `map`, whose other keys are the caller's; what is wrong is told.  The
 * zone belongs to the schema's arena.
 */
void hours_read(struct schema *schema, const struct node *map, const char *path,
                struct hours *hours);

#endif
