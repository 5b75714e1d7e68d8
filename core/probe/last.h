/*
 * last - what was found last of a subject, beside its entry in the ledger, for who asks.
 *
 * Events say what changes; a person who asks wants the present, and all of the evidence, also what
 * an event had no room for.  The evidence of all subjects together is bounded: beyond it a finding
 * is kept without, and says so.
 *
 * Layer: probe.  Uses: probe/finding, ledger.
 */
#ifndef PROBE_LAST_H
#define PROBE_LAST_H

#include "probe/finding.h"
#include "probe/ledger.h"

enum { LAST_EVIDENCE_BYTES = 16 << 20 /* of all subjects together */ };

struct last {
    struct finding *finding;      /* only to be read */
    enum probe_status sample;     /* what the run itself found */
    char *condition;              /* the text that decided, or NULL */
    int64_t wall_ms, duration_us; /* when it was found, and how long that took */
    bool inactive;                /* outside the hours in which the check is graded */
    bool bare;                    /* its evidence was too much to keep */
    bool packed;                  /* the finding is one piece of memory: finding_pack() */
    size_t evidence_bytes;
};

/* Keeps `last`, copied; its finding and its string are taken over. */
void last_keep(struct ledger_entry *entry, const struct last *last);

#endif
