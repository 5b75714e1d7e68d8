/*
 * agent - the parts put together, in order, and taken apart in the reverse order.
 *
 * Layer: app.  Uses: everything.
 */
#ifndef APP_AGENT_H
#define APP_AGENT_H

#include "app/session.h"

/* Runs until a signal, a closed stdout, or `run_for_ms` after the first event.  Exit code. */
int agent_run(struct session *session, const struct options *options);

/*
 * Every check that `options->words` name (TARGET or TARGET/NAME; none: all) once, printed as
 * options->format says.  Exit code: the worst status.
 */
int agent_once(struct session *session, const struct options *options);

/* Whether the plugins accept the configuration too; what they refuse is printed. */
bool agent_accepts(struct session *session);

#endif
