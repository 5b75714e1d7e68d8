/*
 * remediation_parts - what the files of incident/remediation share.
 *
 *     remediation.c   all of them: entries in force, triggers, what control asks
 *     people.c        what people decide
 *     course.c        one course: its script, and how it ends
 *     errand.c        one action that the script asks for: its plan, and what is decided on it
 *     errand_apply.c  ... and its steps
 *     facts.c         what the guard goes by; what was tried before
 *     proof.c         whether it has helped
 *     undo.c          taking back what was done
 *     journal.c       what outlives the process
 *     resume.c        ... goes on, also at another agent
 *     inherit.c       ... to which it goes over with the lease
 *     report.c        events, and lines of the audit
 *
 * Layer: incident.  Only for these.
 */
#ifndef INCIDENT_REMEDIATION_PARTS_H
#define INCIDENT_REMEDIATION_PARTS_H

#include "base/list.h"
#include "incident/remediation.h"
#include "incident/sight.h"
#include "incident/verify.h"
#include "io/wait.h"
#include "lua/task.h"

enum {
    PLANS_KEPT = 100,     /* that are over, to be shown */
    COURSES_KEPT = 100,   /* that are over, and can be taken back */
    ATTEMPTS_KEPT = 1000, /* of one remediation on one target */
    STEPS_SHOWN = 50,     /* of an event */
    RESULTS_KEPT = 200,   /* for the script */
    TOLD_KEPT = 8,
    SHORTEST_PAUSE_MS = 60000, /* between two starts by a trigger, where nothing was applied */
    REFUSED_PAUSE_MS = 300000, /* ... and where a guard refused, without saying until when */
    DAY_MS = 24 * 3600 * 1000
};

/* When a remediation began on a target. */
struct history {
    struct list link;
    char *entry, *target;
    int64_t *at_ms; /* in order */
    size_t count;
    int64_t unread_ms; /* when what the realm knows of it could not be read; zero: never */
};

/* Whether and when a trigger may start its remediation again. */
struct readiness {
    struct list link;
    char *entry;
    int64_t not_before_ms;
    enum guard_point said; /* why it was refused last; said once */
    bool handed_over;      /* ... to a person, since its attempts are used */
    int64_t locked_ms;     /* when the status came for which its locks were set */
};

struct remediations {
    struct remediation_needs needs;
    struct loop *loop;
    struct entries *entries; /* NULL: none are in force yet */
    struct sights *sights;
    struct list courses, plans, histories, readinesses;
    struct list changes; /* on their way to the store */
    char *unread;        /* why what was kept could not be read: what was tried is not known */
    char *unkept;        /* why what must outlive us could not be written; NULL: it was */
    struct timer retry;
    bool closing;
    char told[TOLD_KEPT][PLAN_RUN_LEN + 1]; /* whose step is unknown, as was said at the start */
    size_t next_told;
    char texts[2][GUARD_SENTENCE_LEN]; /* clauses of the last facts */
};

/* A step that takes another one back. */
struct undo {
    struct list link;
    char *target, *action, *verb, *args;
    struct probe_step step;
};

enum course_state {
    COURSE_RUNS,     /* its script is at work */
    COURSE_WAITS,    /* ... and a plan of it waits for people; after a restart without its script */
    COURSE_VERIFIES, /* what was done is looked at */
    COURSE_UNDOES,   /* what was done is taken back */
    COURSE_KEEPS     /* it is over, and can be taken back */
};

/* One course of a remediation. */
struct course {
    struct list link;
    struct remediations *all;
    struct entries *entries; /* held; `entry` is of these */
    const struct entry *entry;
    char run[PLAN_RUN_LEN + 1];
    enum course_state state;
    char *who, *proof, *from, *reason; /* who has started it */
    json_t *finding, *with;
    char *finding_id, *subject, *trigger_target, *trigger_name; /* NULL: nothing triggered it */
    struct task *task;
    struct errand *errand; /* NULL: none is under way */
    char *kept_name;       /* of one that was kept: its entry, until entries are in force ... */
    char *kept_plan;       /* ... and the plan that it waited with, or was applying */
    char *granted;         /* the id of a plan that was approved before the agent started again */
    char *awaited;   /* ... of one that waits, and is planned again since the lease has come here */
    bool inherited;  /* it has come with the lease */
    bool undoable;   /* ... and something that was done could be taken back */
    char *broken;    /* ... and why it can be neither decided on nor taken back; or NULL */
    bool changed;    /* a step was begun: something may be different now */
    uint64_t token;  /* of the lease that it was begun under; zero: none was asked for */
    bool unknown;    /* ... and it is not known how it ended */
    bool late;       /* its script has ended in the midst of a step */
    char *begun_key; /* the step that is begun and not ended */
    uint64_t changed_us;
    unsigned done, skipped, survived, failed; /* of all errands */
    int64_t begun_ms, remind_ms;
    struct timer timer; /* expiry and reminders, verification, undo */
    struct verify verify, improves;
    double baseline; /* of the measure that is to fall; NaN: not known */
    struct list undos;
    int64_t undo_due_ms; /* zero: not by itself */
    struct undo_run *undoing;
    /* agent.check() */
    char *asked_target, *asked_name;
    uint64_t asked_us;
};

/* One action that the script has asked for. */
struct errand {
    struct course *course;
    const struct script_need *need;
    char *target, *args;
    const struct probe_action *action;
    struct arena *memory; /* of `config` */
    const void *config;
    struct plan *plan;      /* in remediations.plans; NULL: none yet, or it only reads */
    struct act_plan *taken; /* of bounds: the list as it is when it is applied */
    struct act *act;        /* at work */
    size_t at;              /* the step that is next, or at work */
    bool reads;             /* nothing of it changes anything */
    bool begun;             /* a step of it was begun */
    bool counted;           /* ... which counts as an attempt */
    bool mirroring;         /* the realm is being told */
    bool recording;         /* what came of a step is on its way to the audit */
    bool final;             /* ... and no further step would end better */
    bool witnessed;         /* the sink that is required has acknowledged what was decided */
    unsigned done, skipped, survived, failed;
    char *failure, *code; /* the first one's */
    json_t *results;
    uint64_t started_us, token, intent;
};

/* -------------------------------------------------------------- remediation ---- */

struct target *remediation_target(const struct remediations *all, const char *name);
struct readiness *remediation_readiness(struct remediations *all, const char *entry);
struct plan *remediation_add_plan(struct remediations *all, struct plan *plan);
struct course *remediation_course_of_plan(const struct remediations *all, const struct plan *plan);
struct plan *remediation_find_plan(const struct remediations *all, const char *id);

/* ------------------------------------------------------------------- course ---- */

struct course *course_create(struct remediations *all, struct entries *entries,
                             const struct entry *entry);
/* Begins its script; `finding` and `with` are set. */
void course_begin(struct course *course);
void course_destroy(struct course *course);
/* The step was ended in whose midst its script was. */
void course_after_late(struct course *course);
/* It is over: what can be taken back is kept, the rest is gone. */
void course_finish(struct course *course);
/* The check that agent.check() has asked for was over. */
void course_hear(struct course *course, const char *target, const char *name, uint64_t started_us);
/* The plan of a course that waits: it expires, and people are reminded. */
void course_wait(struct course *course, struct plan *plan);

/* ------------------------------------------------------------------- errand ---- */

void errand_begin(struct course *course, const struct script_need *need, const char *args);
void errand_destroy(struct errand *errand); /* NULL is fine */
/* Enough have decided for its plan, and that is on disk. */
void errand_approved(struct errand *errand);
void errand_apply(struct errand *errand);
void errand_refuse(struct errand *errand, const struct guard_answer *answer);
void errand_end(struct errand *errand, enum task_end end, const char *message);
/* What is to be applied: the plan's own list, or the one that was taken again. */
const struct act_plan *errand_list(const struct errand *errand);

/* -------------------------------------------------------------------- facts ---- */

struct facts_about {
    const struct entry *entry;
    const struct course *course; /* NULL: none yet */
    const char *target;
    const char *verb; /* NULL: none yet */
    const char *args; /* JSON; what it is asked with */
    const struct probe_action *action;
    const struct act_plan *list;
    int64_t affected;
};
struct guard_facts facts_of(struct remediations *all, const struct facts_about *about);
void facts_begun(struct remediations *all, const char *entry, const char *target, int64_t at_ms);
/* {"attempts": [...]}, freed by free(). */
char *facts_print(const struct remediations *all, const char *entry, const char *target);
int64_t facts_today(const struct remediations *all);
void facts_forget(struct remediations *all);

/* -------------------------------------------------------------------- proof ---- */

void proof_note_baseline(struct course *course);
void proof_begin(struct course *course);
void proof_resume(struct course *course);
void proof_hear(struct course *course, const char *target, const char *name, uint64_t started_us);

/* --------------------------------------------------------------------- undo ---- */

void undo_keep(struct course *course, const struct errand *errand, const struct probe_step *step);
void undo_forget(struct course *course);
/* Takes all back, the last first; what comes of it is said. */
void undo_begin(struct course *course, const char *why);
void undo_cancel(struct course *course);
/* Sets the timer of a course that is kept. */
void undo_await(struct course *course);

/* ------------------------------------------------------------------ journal ---- */

int journal_open(struct remediations *all);
void journal_close(struct remediations *all);
void journal_keep(struct course *course);   /* as it is now */
void journal_forget(struct course *course); /* it is over */
void journal_begun(struct remediations *all, const char *entry, const char *target, int64_t at_ms);
void journal_evidence(struct course *course, const char *target);
json_t *journal_pack(const struct course *course);
/* A course as it was kept, whose `entry` is not known yet; NULL: it cannot be read. */
struct course *journal_unpack(struct remediations *all, const json_t *json);
void journal_forget_here(struct course *course); /* whoever takes the lease goes on with it */

/* ------------------------------------------------------------------- resume ---- */

/* What was kept at this agent goes on, now that entries are in force. */
void resume_kept(struct course *course);
/* What the agent before has left goes on, now that this one holds the lease. */
void resume_inherited(struct course *course);
/* A plan that waits, once other entries are in force. */
void resume_or_void(struct course *course, struct plan *plan);
/* The plan that is awaited is none that is planned now. */
void resume_unwanted(struct course *course);

/* ------------------------------------------------------------------ inherit ---- */

/* Whether courses of it go over with the lease. */
bool inherit_shares(const struct remediations *all, const struct entry *entry);
/* Whether the lease is held, and all that lies with it is read; a course's own token still counts, where it has one. */
bool inherit_is_ours(const struct remediations *all, const struct course *course);
/* Whether a course goes over, and has: another agent goes on with it, or will. */
bool inherit_is_lost(const struct course *course);
/* Tells the realm how a course stands (json is changed), or that it is over. */
void inherit_keep(const struct course *course, json_t *json);
void inherit_forget(const struct course *course);
/* It is no longer this agent's, and nothing is said. */
void inherit_drop(struct course *course);

/* ------------------------------------------------------------------- report ---- */

struct report {
    enum log_level level;
    const char *step;
    const struct plan *plan; /* or NULL */
    size_t steps;            /* of the plan, that are shown */
    event_write_fn *more;    /* or NULL */
    void *data;
};
__attribute__((format(printf, 3, 4))) void
report_say(const struct course *course, const struct report *report, const char *fmt, ...);

/* Members of a refusal: `data` is the guard's answer. */
event_write_fn report_refusal;

/* A line of the audit about this course. */
struct report_line {
    const char *step;
    const struct plan *plan;
    const char *key; /* of a step */
    const char *who, *proof, *from, *reason;
    const char *const *except;
    const char *outcome, *result; /* result: JSON */
    uint64_t token;
    bool witnessed; /* it counts when guard.audit.require_sink has acknowledged it */
    bool happened;  /* it is kept until it can be written, whatever `fn` is told */
    audit_done_fn *fn;
    void *data;
};
__attribute__((format(printf, 3, 4))) void
report_audit(const struct course *course, const struct report_line *line, const char *fmt, ...);

#endif
