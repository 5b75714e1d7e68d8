/*
 * admin - the agent's own pages: /metrics, /healthz and /readyz, where agent.admin says.
 *
 *   /healthz  200 as long as the loop turns, for it is the loop that answers
 *   /readyz   200 where a good configuration is in force and the state can be written, else 503; in
 *             roles sidecar and node always 200, since an agent never makes its application's pod
 *             unready.  What is watched plays no part: a bad target is no bad agent.
 *   /metrics  made anew at most once a second, however many ask
 *
 * Where the address is taken that is said, and tried again.  No page holds a secret.
 *
 * Layer: app.  Uses: app/metrics, io/serve.
 */
#ifndef APP_ADMIN_H
#define APP_ADMIN_H

#include "app/metrics.h"

struct admin;

/* Serves, if the configuration says so; `source` is borrowed. */
struct admin *admin_open(const struct metrics_source *source);

/* Another configuration is in force. */
void admin_renew(struct admin *admin);

/* NULL is fine. */
void admin_close(struct admin *admin);

#endif
