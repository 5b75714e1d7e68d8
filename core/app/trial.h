/*
 * trial - a script run by hand, without a remediation and without the agent.
 *
 * What stands between a script and a target is the same as for the agent: incident/remediation with one
 * entry, made for this run, whose grant is what the script needs.  Its audit lies in a temporary folder
 * and is gone with it; cool-downs and attempts of the agent do not count here; what freezes the agent does, its switch, too.
 * What is of cluster scope is changed by who holds the realm's lease alone (app/trial_lease).
 *
 * Layer: app.  Uses: everything that app/agent uses of targets and remediations.
 */
#ifndef APP_TRIAL_H
#define APP_TRIAL_H

#include "app/command.h"
#include "incident/entry.h"

/*
 * Runs the script of options->words[1], a file or a name of the scripts' folder, on the targets of
 * --target.  Without --apply nothing is changed: the plan is printed.  Exit code.
 */
int trial_run(const struct options *options);

/* Whether changes are frozen, by guard.freeze or the running agent; that is said on stderr. */
bool trial_is_frozen(const struct options *options, const struct entries *entries);

#endif
