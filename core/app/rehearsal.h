/*
 * rehearsal - offline tests of a configuration: what is found when, and what comes of it.
 *
 * A test file says what checks find and what people do, each at its time, and what is to be said and done then.
 * The agent's own parts do the rest, on a clock that is driven: conditions, the ledger, triggers, scripts, the
 * guard, the audit.  Plugins alone are stood in for: nothing of theirs runs, and no network, secret or server
 * is needed.  The same file always ends in the same way.
 *
 *     config: [../base, ../overlays/production.yaml]     # beside this file; -c goes before it
 *     cases:
 *       - case: a full pool ends idle sessions once
 *         given:
 *           - {at: 0s, check: pg/connections, measures: {used: 96, used_percent: 98.9}, every: 15s, until: 2m}
 *           - {at: 0s, action: "pg:terminate_sessions", items: ["4711", "4712"], total: 97}
 *         expect:
 *           - {at: 30s, finding: pg/connections, status: critical}
 *           - {at: 45s, remediation: end-idle-sessions, outcome: planned, affected: 2}
 *         count: {remediation: 1}
 *
 * Layer: app.  Uses: app/session, and all that is below.
 */
#ifndef APP_REHEARSAL_H
#define APP_REHEARSAL_H

#include "app/session.h"
#include "base/writer.h"

struct rehearsal;

/* Reads a file; NULL where something is wrong with it, which is told.  Freed by rehearsal_destroy(). */
struct rehearsal *rehearsal_read(const char *path, struct problems *problems);
void rehearsal_destroy(struct rehearsal *rehearsal); /* NULL is fine */

/* The paths that its `config:` names, as seen from here, ended by NULL; none: an empty list. */
const char *const *rehearsal_config(const struct rehearsal *rehearsal);

size_t rehearsal_count(const struct rehearsal *rehearsal); /* of cases */

/*
 * Has every plugin of the session stood in for, for good: none of their code is called any more.  Before a
 * configuration is read with them they are as they were, so it is called after that.
 */
void rehearsal_stand_in(struct session *session);

/* Whether all that the cases name is there in the session's configuration; what is not is told. */
bool rehearsal_fits(const struct rehearsal *rehearsal, const struct session *session,
                    struct problems *problems);

/*
 * Runs one case; `failures` gets what was not as expected, a line or more each, and nothing where all was.
 * -errno where the case could not be run: its state could not be made; that is in `failures` too.
 */
const char *rehearsal_name(const struct rehearsal *rehearsal, size_t at);
int rehearsal_run(const struct rehearsal *rehearsal, size_t at, const struct session *session,
                  struct text *failures);

/* The JSON Schema of such a file. */
void rehearsal_write_schema(struct writer *writer);

#endif
