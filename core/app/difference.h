/*
 * difference - what one configuration says otherwise than another, a line each, for people.
 *
 *     ~ orders-db/connections    critical: used_percent > 95  ->  used_percent > 98
 *
 * Signs: + new, - gone, ~ otherwise, ! a person should see this line.
 *
 * Layer: app.  Uses: base, app/outline, probe/config.
 */
#ifndef APP_DIFFERENCE_H
#define APP_DIFFERENCE_H

#include "base/text.h"
#include "probe/config.h"

/* Adds a line for each change; how many. */
size_t difference_print(const struct config *old, const struct config *new, struct text *out);

#endif
