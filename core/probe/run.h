/*
 * run - one examination, from its start to its grave.
 *
 * A run ends once: by the plugin, at its deadline, or because its target goes.  Ending drops its
 * operations; the plugin's ended() follows after the call that ended it has returned; then the
 * verdict is spoken, and the run is gone.
 *
 * Layer: probe.  Uses: base, io, probe/finding, host, target.
 */
#ifndef PROBE_RUN_H
#define PROBE_RUN_H

#include "probe/finding.h"
#include "probe/isolation.h"
#include "probe/target.h"

enum { RUN_MOST_FINDINGS = 1000 };

struct run {
    struct duty *duty;
    struct timer deadline;
    struct timer burial;
    struct timer doubt;         /* of a target on the network: after half of its time */
    struct isolation_wait wait; /* over, and not judged yet */
    struct list findings;
    size_t finding_count;
    size_t finding_excess; /* reported beyond the maximum: counted, not kept */
    bool over;
    bool buried;                /* ended() was called */
    bool silent;                /* ended by us, reports nothing */
    bool timed_out;             /* the deadline was reached */
    enum probe_failure failure; /* how it ended; zero: it examined what it meant to */
    struct finding *failed;     /* of a run that failed: what is said of it */
    int64_t retry_ms;
    uint64_t started_us, ended_us;
    struct tether tether;
    struct probe_run face;
};

TETHER_FITS(struct run);

/* Starts the duty's check now. */
void run_start(struct duty *duty);

/* Ends it without a word: shutdown, reload. */
void run_abandon(struct run *run);

/* For host: the services report, retire, end of a run that is a check; and that it is no action. */
void run_report(struct probe_run *face, const struct probe_finding *finding);
void run_retire(struct probe_run *face, const char *subject);
void run_end(struct probe_run *face, const struct probe_ending *ending);
void run_refuse_answer(struct probe_run *face);

#endif
