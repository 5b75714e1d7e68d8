/*
 * answer - what a plugin planned or did, copied, checked and free of secrets.
 *
 * Layer: probe.  Uses: base, include, probe/act.h.
 */
#ifndef PROBE_ANSWER_H
#define PROBE_ANSWER_H

#include "probe/act.h"

/* What is said of an action in the end; each string is its own. */
struct answer {
    struct act_plan *plan; /* of a plan */
    bool applied;          /* of a step */
    enum probe_outcome outcome;
    char *summary, *json;
    struct probe_step undo; /* without a key: there is none */
    int status;             /* below zero: it failed */
    enum probe_failure how;
    char *reason, *hint;
};

/*
 * `theirs` is the size of the plugin's steps, `most` how much the action may hurt at all.  What is
 * wrong becomes a failure in `answer`.
 */
void answer_take_plan(struct answer *answer, const struct probe_plan *plan, enum probe_effect most,
                      size_t theirs);
void answer_take_result(struct answer *answer, const struct probe_result *result, size_t theirs);
void answer_take_ending(struct answer *answer, const struct probe_ending *ending);

/* A failure in our own words. */
__attribute__((format(printf, 4, 5))) void answer_fail(struct answer *answer, int status,
                                                       const char *reason, const char *fmt, ...);
void answer_hint(struct answer *answer, const char *hint);

void answer_finish(struct answer *answer);

#endif
