/*
 * planned - plans as people read them on a terminal.
 *
 * Layer: app.  Uses: base, app/caller, out/screen.
 */
#ifndef APP_PLANNED_H
#define APP_PLANNED_H

#include <jansson.h>

#include "base/text.h"

/* All of one: what it binds, what it would touch, what the guard says. */
void planned_print(const json_t *plan, struct text *out);

/* A line each, with a heading; "no plan waits". */
void planned_list(const json_t *answer, struct text *out);

/* "end 9 sessions": what it does, for a line. */
void planned_does(const json_t *plan, struct text *out);

#endif
