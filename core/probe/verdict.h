/*
 * verdict - grades what a run reported, by its conditions, and says what is worth saying.
 *
 * finding ── conditions ──► sample ── ledger ──► report ──► event
 *
 * Layer: probe.  Uses: base, probe/condition, event, finding, ledger, run.
 */
#ifndef PROBE_VERDICT_H
#define PROBE_VERDICT_H

#include "probe/run.h"

/* Judges a run that is over, with all it reported. */
void verdict_of_run(struct run *run);

/* Judges one finding of a streaming check, which does not end; takes it over. */
void verdict_of_finding(struct run *run, struct finding *finding);

/* A duty has missed an interval, since it waited all the while; `text` says for what. */
void verdict_of_lateness(struct duty *duty, const char *text);

/* A streaming check's subject is gone. */
void verdict_retire(struct run *run, const char *subject);

/* A check, or a whole target, left the configuration: what is open of it ends with "removed". */
void verdict_removed(struct duty *duty);

#endif
