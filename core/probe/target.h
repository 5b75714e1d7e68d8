/*
 * target - one configured thing at work: its plugin's state, its checks, its queue of runs.
 *
 * A *duty* is one configured check of a target; a *run* is one examination.  Runs of a target are
 * queued: at most `parallel` at a time, as the plugin says, and a run's deadline counts from its
 * start, so that no check pays for another.  The check named "connect" stands outside the queue,
 * on a connection of its own: that nobody is there must be found out also while another check
 * hangs.
 *
 * A run that waits in the queue for a whole interval has missed it, and every interval that is
 * missed is a sample: unknown, reason late.
 *
 * A target whose connect failed is *down*: its other duties are held, and one finding names them.
 * Where another check finds nobody there, that is said as connect's finding too, at once.
 *
 *     duty due ──► target_ask() ──► run_start() ──► check.run() ──► ... ──► run_end()
 *                    queue, held                                              │ ended(), later
 *                                     schedule ◄── target_run_over() ◄── verdict
 *
 * Layer: probe.  Uses: base, io, probe/config, host, note.
 */
#ifndef PROBE_TARGET_H
#define PROBE_TARGET_H

#include "base/list.h"
#include "io/wait.h"
#include "probe/config.h"
#include "probe/host.h"

struct actor;
struct schedule;
struct run;

enum duty_state { DUTY_IDLE, DUTY_QUEUED, DUTY_RUNNING };

struct duty {
    struct target *target;
    const struct config_check *config;
    struct timer due;
    uint64_t due_us;  /* when the present or next run was due */
    struct list link; /* in its target's queue */
    enum duty_state state;
    unsigned failures; /* runs in a row that could not examine */
    bool asked_once;   /* has ended at least one run, or was held once */
    struct run *run;   /* while DUTY_RUNNING */
    void *memory;      /* the plugin's, from run to run */
    struct notes notes;
    char *label;       /* "orders-db/connections" */
    struct timer late; /* while DUTY_QUEUED: when it has missed another interval */

    /* For probe/depend. */
    struct duty **needs, **needed_by;
    size_t need_count, needed_by_count;
    bool held;      /* because of what it depends on */
    bool failing;   /* what depends on it waits */
    uint64_t named; /* the round in which it was named last */
};

struct target {
    struct schedule *schedule;
    struct config *whole; /* held as long as the target lives, since `config` points into it */
    const struct config_target *config;
    struct list link;    /* in the schedule */
    struct list blocked; /* in the schedule's list of targets that wait for room */
    struct list queue;   /* of duties */
    unsigned running;    /* runs that count against `parallel` */
    unsigned alive;      /* all runs that are not gone yet */
    struct duty *duties;
    size_t duty_count;
    struct duty *connect; /* NULL: the plugin has no such check, or it is off */
    bool down;            /* the others are held */
    bool created;         /* the plugin's create() succeeded */
    bool resting;         /* another agent asks it: see probe/rest */
    bool lost;            /* the plugin would not have it again */
    struct list acts;     /* for probe/act: actions, the first one at work */
    struct actor *actor;  /* what they see; NULL: none is at work, or has just been */
    bool acts_closed;     /* none is taken any more */
    struct notes notes;
    struct tether tether;
    struct probe_target face;
};

TETHER_FITS(struct target);

/*
 * Prepares the plugin's target and its duties; opens nothing.  What the plugin refuses is added to
 * `problems`, at its place in the configuration, and NULL returned.  Holds `whole`, of which
 * `config` is a target.
 */
struct target *target_create(struct schedule *schedule, struct config *whole,
                             const struct config_target *config, struct problems *problems);

/* Ends all runs, silently where `status` is -ECANCELED, and frees the target.  NULL is fine. */
void target_destroy(struct target *target);

/* Has its notes remembered, and those of its duties, where they have changed. */
void target_remember(struct target *target);

/* A duty is due: runs it as soon as the queue allows, unless it is held. */
void target_ask(struct duty *duty);

/* Starts what waits, as far as the target and the schedule have room. */
void target_pump(struct target *target);

/* Whether a duty must wait, because its target is down or because of what it depends on. */
bool target_holds(const struct duty *duty);

/* Takes it out of the queue, if it is there: it has nothing to run, and is due again later. */
void target_hold(struct duty *duty);

/* A run has ended and been judged: `failure` is how, or zero; `retry_ms` not before, or zero. */
void target_run_over(struct duty *duty, enum probe_failure failure, int64_t retry_ms);

#endif
