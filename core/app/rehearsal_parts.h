/*
 * rehearsal_parts - what the files of app/rehearsal share.
 *
 *     rehearsal.c          a case from its beginning to its end: time, and what happens when
 *     rehearsal_words.c    what a file may hold
 *     rehearsal_read.c     the file
 *     rehearsal_fit.c      whether what it names is there
 *     rehearsal_stand_in.c in the plugins' place
 *     rehearsal_lease.c    who holds the realm's lease
 *     rehearsal_said.c     what was said, and whether it is what was expected
 *
 * Layer: app.  Only for these.
 */
#ifndef APP_REHEARSAL_PARTS_H
#define APP_REHEARSAL_PARTS_H

#include "app/brakes.h"
#include "app/rehearsal.h"
#include "app/repair.h"
#include "io/loop.h"
#include "probe/run.h"
#include "probe/schedule.h"

enum {
    REHEARSAL_MOST_CASES = 1000,
    REHEARSAL_MOST_MOMENTS = 100000 /* of a case, repeats counted */
};
#define REHEARSAL_LONGEST_MS (INT64_C(31) * 24 * 3600 * 1000)

/* A line of "given:".  One of check, action and the words of people is there; NULL: not written. */
struct given {
    int64_t at_ms, every_ms,
        until_ms;      /* every: -1, not written; until: -1, the next line about it, or the end */
    const char *check; /* TARGET/NAME */
    const char *measures, *subjects, *evidence; /* JSON objects */
    const char *unknown, *down;                 /* why it could not look; why nobody is there */
    const char *says;
    const char *action; /* TARGET:ACTION */
    const char *const *items, *const *skipped, *const *survived, *const *failed;
    int64_t affected, total;
    const char *result; /* JSON */
    const char *fails, *effect;
    bool undo;
    const char *approve, *reject, *take_back, *remediate, *with, *freeze, *silence,
        *lease; /* with: JSON */
    const char *const *except;
    bool thaw;
    const char *by;
    int64_t for_ms;
    const struct node *node; /* as written */
};

/* A line of "expect:". */
struct expected {
    int64_t at_ms;
    const char *finding, *status, *reason;
    const char *remediation, *outcome, *says;
    const char *const *items;
    int64_t affected; /* -1: not written */
    const struct node *node;
};

struct rehearsal_case {
    const char *name, *begins;
    int64_t begins_ms, lasts_ms; /* lasts: until the last line, where it is not written */
    struct given *given;
    size_t given_count;
    struct expected *expected;
    size_t expected_count;
    const char *count; /* JSON: {"remediation": 1, NAME: 1}; or NULL */
    const struct node *node;
};

struct rehearsal {
    struct arena *memory;
    const char *path;
    const char **config; /* ended by NULL */
    struct rehearsal_case *cases;
    size_t count;
};

/* "pg/connections[q]" taken apart; `subject` is NULL where there is none.  Freed by free(), each. */
struct matter {
    char *target, *name, *subject;
};
struct matter matter_of(const char *written);
void matter_finish(struct matter *matter);

/* Something that was said: a finding's change, or a step of a remediation. */
struct said {
    int64_t at_ms;
    char *target, *name, *subject, *word, *reason; /* of a finding: its status */
    json_t *step;                                  /* of a remediation: the event */
};

/* What a check finds, or an action answers, from now on. */
struct answer_given {
    const struct given *check; /* of `duty` */
    const struct duty *duty;
    const struct given *action;
};

/* A case at work. */
struct world {
    const struct rehearsal *rehearsal;
    const struct rehearsal_case *test;
    const struct session *session;
    struct text *failures;
    char state[64];
    struct loop *loop;
    struct bus *bus;
    struct ledger *ledger;
    struct schedule *schedule;
    struct store *store; /* NULL: the configuration has no agent.state, and nothing is applied */
    struct brakes brakes;
    struct calendars *calendars[2]; /* of freeze and of silence windows; read once */
    struct repair repair;
    int pipe[2];
    struct watch *alive;
    bool elsewhere; /* another agent holds the realm's lease */
    int64_t now_ms; /* since the case began */
    struct answer_given *answers;
    size_t answer_count;
    struct said *said;
    size_t said_count;
    int64_t
        *asked_ms; /* of each expected line: when the one before about the same remediation was */
};

/* As they are written; what is read of them. */
struct case_words {
    const char *name, *begins, *count;
    int64_t lasts_ms;
    struct probe_items given, expected;
};
struct file_words {
    const char *const *config;
    struct probe_items cases;
};
extern const struct probe_option rehearsal_case_options[], rehearsal_file_options[];

/* The words of enum probe_effect, ended by NULL. */
extern const char *const rehearsal_effects[];

struct duty *world_duty(const struct world *world, const char *written);

/* Which world stands behind the plugins at this time; NULL: none. */
void stand_in_for(struct world *world);
/* From now on the check, or action, answers that. */
void stand_in_take(struct world *world, const struct given *given);

/* Before anything happens; a line that says who holds the lease from now on. */
void lease_prepare(struct world *world);
void lease_move(struct world *world, const struct given *given);

void said_hear(const struct event *event, void *world);
void said_judge(struct world *world, const struct expected *expected);
void said_count(struct world *world);
void said_finish(struct world *world);

/* Something was not as expected, with where that is written. */
__attribute__((format(printf, 3, 4))) void world_fail(struct world *world, const struct node *node,
                                                      const char *fmt, ...);

#endif
