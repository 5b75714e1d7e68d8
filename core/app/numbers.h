/*
 * numbers - who reads the agent's numbers: its own pages (app/admin) and a collector (app/export).
 *
 * What checks did and found last (probe/board) is kept while there is one of both.
 *
 * Layer: app.  Uses: app/admin, app/export.
 */
#ifndef APP_NUMBERS_H
#define APP_NUMBERS_H

#include "app/metrics.h"

struct numbers;

/* As the configuration says; `source` is copied, with its board left to fill in. */
struct numbers *numbers_open(const struct metrics_source *source);

/* Another configuration is in force.  NULL is fine. */
void numbers_renew(struct numbers *numbers);

/* Before the schedule goes.  NULL is fine. */
void numbers_close(struct numbers *numbers);

#endif
