/*
 * depend - which duties wait for which others: "depends_on:".
 *
 * A duty is held while one that it depends on *fails*: is reported critical, for any of its
 * subjects, or waits itself, for whatever reason; and while its target's connect is held.  It does
 * not run, a run under way says nothing, and what was said of it stands.  When that ends it runs
 * within 500 ms.  Once asks every check, whatever it depends on.
 *
 * Layer: probe.  Uses: probe/ledger, schedule, target.
 */
#ifndef PROBE_DEPEND_H
#define PROBE_DEPEND_H

#include "probe/target.h"

/*
 * Ties the schedule's duties together as their configuration says; depend_untie() before one of
 * them is freed.  What nobody watches here is not waited for.
 */
void depend_tie(struct schedule *schedule);
void depend_untie(struct schedule *schedule);

/* Something was said of this duty, or its target's state has changed: who waits for it? */
void depend_update(struct duty *duty);
void depend_update_all(struct target *target);

/*
 * The names of the checks that wait because of this one, ended by NULL: plain ones of its own
 * target, "target/name" of others.  `down`: its target's others wait too.  Names are borrowed, the
 * array is to be freed.
 */
const char **depend_names(struct duty *duty, bool down);

#endif
