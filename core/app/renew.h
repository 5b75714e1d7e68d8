/*
 * renew - the configuration is read again: on SIGHUP, and when its files have changed.
 *
 * Everything is validated first; where something is wrong that is said, and the old configuration
 * goes on.  Files are looked at by io/child, every few seconds and before they are read on SIGHUP,
 * so that a mount that does not answer is found out there and not on the loop, and is said; links are followed, so a Kubernetes ConfigMap's swap is a change like any other.
 *
 * Layer: app.  Uses: base, io/child, io/wait, probe/config, event, reload.
 */
#ifndef APP_RENEW_H
#define APP_RENEW_H

#include "app/session.h"
#include "probe/schedule.h"

struct renew;

/* Begins to look.  Called once a configuration has taken over, with session->config new. */
typedef void renew_fn(void *data);

struct renew *renew_create(struct session *session, const struct options *options,
                           struct schedule *schedule, renew_fn *fn, void *data);

/* What came of it: `message` is one sentence, `more` lines of what changed or what is wrong. */
typedef void renew_told_fn(bool taken, const char *message, const char *more, void *data);

/*
 * Reads the configuration again, as soon as its files could be looked at.  `fn` (may be NULL) is
 * told once what came of it, later, but not where renew_destroy() comes first.  False: too many
 * wait for that already.
 */
bool renew_ask(struct renew *renew, renew_told_fn *fn, void *data);

void renew_destroy(struct renew *renew); /* NULL is fine */

#endif
