/*
 * brakes - what holds the agent back: silences, here and in Alertmanager, the freeze, their windows,
 * acknowledgements.
 *
 * The parts of incident/silence, freeze, lock and ack put together: kept in agent.state, asked by whoever
 * says a finding and by the guard, and each change said as an agent event.
 *
 * Layer: app.  Uses: app/alertmanager, incident/ack, freeze, guard, memo, silence, probe/schedule.
 */
#ifndef APP_BRAKES_H
#define APP_BRAKES_H

#include "app/alertmanager.h"
#include "incident/ack.h"
#include "incident/audit.h"
#include "incident/calendar.h"
#include "incident/entry.h"
#include "incident/freeze.h"
#include "incident/guard.h"
#include "incident/lock.h"
#include "incident/silence.h"
#include "incident/spent.h"
#include "probe/schedule.h"

struct brakes {
    struct schedule *schedule;
    struct bus *bus;
    struct memo *memo;
    struct silences *silences;
    struct freeze *freeze;
    struct acks *acks;
    struct locks *locks;
    struct spent *spent;         /* signatures that have counted */
    struct entries *entries;     /* held: the windows in force are theirs; NULL: none are */
    struct calendars *calendars; /* of its windows */
    struct alertmanager *alertmanager;
    struct audit *audit;             /* where it is told, too; NULL: not there (yet, or any more) */
    const char *by;                  /* who sets or takes back the switch, while it is done */
    char said[SILENCE_ID_LEN + 256]; /* for the guard: which silence */
    char locked[320];                /* ... and which lock */
};

/*
 * Opens with what was kept; blocks, for the start only.  `store` is borrowed, and may be NULL;
 * `speaker` is as events have it now, and outlives the brakes; NULL: nothing is asked of Alertmanager.
 */
void brakes_open(struct brakes *brakes, struct schedule *schedule, struct store *store,
                 const struct event_speaker *speaker);

/* A configuration is in force, and its entries (NULL: none). */
void brakes_use(struct brakes *brakes, struct config *config, struct entries *entries);

/* Once nothing is said any more, before the store closes. */
void brakes_close(struct brakes *brakes);

/* What the agent that held the lease before has left of a kind: "silence", "lock", "ack". */
void brakes_take(struct brakes *brakes, const char *kind, const json_t *all);

/*
 * Whether what is said of a target (a pattern; NULL: of any) goes over with the lease: one of those that it names
 * is of cluster scope.
 */
bool brakes_shares(const struct brakes *brakes, const char *target);

/* Answers for struct guard_sources; `data` is the brakes. */
const char *brakes_frozen(void *data);
const char *brakes_silenced(const char *target, const char *name, const char *subject, void *data);

const char *brakes_locked(const char *target, void *data);

/* For struct guard_sources: locks a target, which is said and kept; nothing where it is locked. */
void brakes_lock(const char *target, const char *who, const char *reason, void *data);

/* The same for people: `fn` (may be NULL) is told whether it is on disk.  False: there are too many. */
bool brakes_set_lock(struct brakes *brakes, const char *target, const char *who, const char *reason,
                     memo_done_fn *fn, void *data);

/*
 * What keeps a finding from people at present: a silence of ours, one of Alertmanager's, or a window.
 * Valid for the present turn of the loop; `status` is as it is reported.  False: nothing does.
 */
struct brakes_silence {
    const char *id;     /* or the window's name */
    const char *who;    /* NULL: a window */
    const char *reason; /* or NULL */
    int64_t until_ms;   /* zero: a window's end */
};
bool brakes_silence_of(struct brakes *brakes, const struct duty *duty, const char *subject,
                       const char *const *labels, enum probe_status status,
                       struct brakes_silence *ret_silence);

/* Says that somebody (NULL: nobody) did something, as an agent event, and in the audit. */
void brakes_say(struct brakes *brakes, const char *step, const char *who, const char *message);

#endif
