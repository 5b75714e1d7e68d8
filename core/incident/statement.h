/*
 * statement - what a person signs who decides: plain lines that both sides write in the same way.
 *
 *     runbookd decision 1
 *     realm: orders/production
 *     decision: approve
 *     about: 7k3q
 *     hash: 4f1d9a77c2b01e55
 *     except: 48133
 *     reason: metabase only
 *     time: 2026-11-21T03:01:00.000Z
 *
 * The command line signs it, the agent writes it from what it was told and from its own realm, and
 * verifies.  So a signature counts in one realm, for one decision, about one plan as it was read, and
 * for STATEMENT_FRESH_MS.
 *
 * Layer: incident.  Uses: base, jansson.
 */
#ifndef INCIDENT_STATEMENT_H
#define INCIDENT_STATEMENT_H

#include <jansson.h>
#include <stdint.h>

#include "base/text.h"

#define STATEMENT_SCOPE "runbookd-decision" /* the namespace of its signature */

enum { STATEMENT_LONGEST = 16 * 1024, STATEMENT_FRESH_MS = 5 * 60 * 1000 };

struct statement {
    const char *realm;
    const char *decision; /* "approve", "reject", "undo", "remediate" */
    const char *about;    /* a plan's id, a remediation's name */
    const char *hash;     /* the plan's, whole; or NULL */
    const json_t *except; /* of texts; or NULL */
    const json_t *with;   /* an object; or NULL */
    const char *reason;   /* or NULL */
    int64_t wall_ms;
};

/* `out` is cut where it does not fit, and then is none. */
void statement_print(const struct statement *statement, struct text *out);

#endif
