/*
 * ledger - the last known state of every subject: turns samples into what is worth saying.
 *
 * A *sample* is what one run says about one subject; the *status* is what is reported.  These
 * sentences are the design's (ARCHITECTURE, "Exact meanings"), each is a test:
 *
 *   for       a worse status is reported when all samples since the first one of that grade, over
 *             at least `for`, were that grade or worse: a critical sample counts for warning too.
 *             Unknown samples neither count nor reset, and unknown itself is reported after three
 *             in a row.
 *   recover   the same for a better status; and `clear` must hold too, where there is one: a
 *             sample for which it does not counts as what the status is already.
 *   start     a subject without stored state is reported as soon as `for` has passed, also when
 *             it was bad from the beginning.
 *   repeat    what is not ok is said again; ok is not.
 *   snapshot  everything is said once in a while.
 *   gone      a subject absent from two finished runs ends with ok.  Removed: at once.
 *   flapping  six changes in 30 minutes: the worst status is held, said once, until 30 minutes
 *             have passed without a change.  What turns worse than that is said at once.
 *
 * After unknown the last known status is reported again as soon as a sample bears it out, and
 * another one when it has earned its place by `for` or `recover`; until then it stays unknown.
 *
 * A pure state machine: it knows neither loop nor clock, and the caller says what time it is.
 *
 * Layer: probe.  Uses: base, include, probe/measure.
 */
#ifndef PROBE_LEDGER_H
#define PROBE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "probe/measure.h"
#include "runbookd/probe.h"

enum {
    LEDGER_MOST_SUBJECTS = 10000, /* of one check */
    LEDGER_MOST_CHANGES = 12      /* that are remembered: the most that flap_changes can be */
};

struct ledger;
struct ledger_entry;

/* How one configured check is judged.  Indexed by status, e.g. for_ms[PROBE_CRITICAL]. */
struct ledger_rules {
    int64_t for_ms[PROBE_UNKNOWN + 1]; /* of UNKNOWN: zero means three samples; of OK: unused */
    int64_t recover_ms;
    int64_t repeat_ms;      /* zero: never again */
    int64_t snapshot_ms;    /* zero: never */
    int64_t every_ms;       /* the check's interval, for valid_until ... */
    int64_t timeout_ms;     /* ... and its time limit, which may be longer */
    unsigned flap_changes;  /* zero: 6 */
    int64_t flap_within_ms; /* zero: 30 min */
    bool emit_all;          /* every sample of a subject that has a status is said */
};

struct ledger_clock {
    uint64_t now_ms; /* never goes back */
    int64_t wall_ms;
};

/* What one run says about one subject; never PROBE_GRADED. */
struct ledger_sample {
    enum probe_status status;
    bool clear; /* the `clear` condition holds, or there is none */
    const char
        *cause; /* "missing_right", "timeout", ...: becomes the reason of a change; or NULL */
};

/* What is to be said; `reason` is NULL where that is nothing. */
struct ledger_report {
    const char *reason; /* start change repeat snapshot gone removed flapping, or the cause */
    enum probe_status status;
    enum probe_status previous; /* PROBE_GRADED: none */
    int64_t since_wall_ms;      /* first sample of this status */
    int64_t changed_wall_ms;    /* when it was first reported */
    unsigned streak;            /* samples that bear it out, up to this one; 0: this one does not */
    int64_t valid_until_wall_ms; /* by then another line would have come; zero: none will */
    bool flapping;
    bool goes_on; /* nothing but its streak has changed */
};

struct ledger *ledger_create(void);
void ledger_destroy(struct ledger *ledger); /* NULL is fine */

/*
 * The entry of `target`/`name`[subject], made where there is none.  Lives until forgotten.  NULL
 * where the check has LEDGER_MOST_SUBJECTS others already.
 */
struct ledger_entry *ledger_entry(struct ledger *ledger, const char *target, const char *name,
                                  const char *subject);

/* Takes a sample in, and says what to say of it. */
struct ledger_report ledger_take(struct ledger_entry *entry, const struct ledger_rules *rules,
                                 const struct ledger_sample *sample, struct ledger_clock clock);

/* The reported status now; PROBE_GRADED: none yet. */
enum probe_status ledger_status(const struct ledger_entry *entry);

/*
 * Something of the caller's that lives as long as the entry, as what was found last; what was
 * attached before is destroyed.
 */
typedef void ledger_destroy_fn(void *what);
void ledger_attach(struct ledger_entry *entry, void *what, ledger_destroy_fn *destroy);

/* An entry as it stands. */
struct ledger_view {
    const char *subject;                /* NULL: the target itself */
    enum probe_status status, previous; /* PROBE_GRADED: none yet */
    int64_t since_wall_ms, changed_wall_ms;
    unsigned streak;
    bool flapping;
    unsigned change_count;
    struct {
        int64_t wall_ms;
        enum probe_status from;
    } changes[LEDGER_MOST_CHANGES]; /* the newest first */
    void *attached;                 /* NULL: nothing */
};

/* Calls `fn` for each entry of `target`/`name`, in the order in which they were first seen. */
typedef void ledger_view_fn(const struct ledger_view *view, void *data);
void ledger_each(const struct ledger *ledger, const char *target, const char *name,
                 struct ledger_clock clock, ledger_view_fn *fn, void *data);

/* The worst of `target`/`name`, critical before warning before unknown; PROBE_GRADED: none yet. */
enum probe_status ledger_worst(const struct ledger *ledger, const char *target, const char *name);

/*
 * Fills the derived slots from the counters as this subject had them last, and keeps the present
 * ones.  A counter that went down was reset, and counts from zero; one that is absent stays as it
 * was, so that a failed run between two good ones costs nothing.
 */
void ledger_count(struct ledger_entry *entry, const struct measures *measures, struct value *values,
                  struct ledger_clock clock);

/*
 * A run of `target`/`name` has finished in order: of every subject that it did not sample, and the
 * run before neither, `gone` hears once, and it is forgotten.  A subject whose last status was
 * never reported is forgotten silently.  `gone` must leave the ledger alone; subjects come in the
 * order in which they were first seen.
 */
typedef void ledger_gone_fn(const char *subject, const struct ledger_report *report, void *data);
void ledger_finish_run(struct ledger *ledger, const char *target, const char *name,
                       struct ledger_clock clock, ledger_gone_fn *gone, void *data);

/* One subject, or with `all` every one, was retired or removed: `reason`. */
void ledger_forget(struct ledger *ledger, const char *target, const char *name, const char *subject,
                   bool all, const char *reason, struct ledger_clock clock, ledger_gone_fn *gone,
                   void *data);

/*
 * What survives the process.  Each entry is kept under an id that is never used twice; whoever
 * keeps them asks now and then for those that have changed, and for those that have ended.
 *
 * Most samples are as the ones before, and change nothing but the streak.  Then what was kept stays
 * as it is, and goes on by a few bytes: see ledger_take_streaks().
 */
struct ledger_streak {
    uint64_t id;
    uint32_t edition; /* of what was kept: of another one the streak says nothing */
    uint32_t samples; /* since that was packed; zero: there is no streak */
    int64_t after_ms; /* when this was packed: since that was */
    int64_t age_ms;   /* since it was last seen to go on */
};

struct ledger_kept {
    uint64_t id;
    const char *target, *name, *subject; /* NULL: the target itself; all live as the entry does */
    struct text *standing, *counters;    /* the caller's; what is to be kept is added */
    struct ledger_streak streak;         /* to be restored with it */
};

/* The ids that the ledger gives out from now on. */
void ledger_set_next_id(struct ledger *ledger, uint64_t id);

/* Takes the first entry that has changed, and packs it as it is at `clock`; false: none has. */
bool ledger_take_changed(struct ledger *ledger, struct ledger_clock clock,
                         struct ledger_kept *kept);

/* What would be kept of each subject of `target`/`name`, as it is at `clock`; ids are zero. */
typedef void ledger_kept_fn(const struct ledger_kept *kept, enum probe_status status, void *data);
void ledger_each_kept(const struct ledger *ledger, const char *target, const char *name,
                      struct ledger_clock clock, ledger_kept_fn *fn, void *data);

/*
 * Packs the streaks of the entries of which nothing else has changed since the last call; with `all`
 * those of before too, so that what was packed until now is needed no longer.  `out` is the
 * caller's.  False: there are none.
 */
bool ledger_take_streaks(struct ledger *ledger, struct ledger_clock clock, bool all,
                         struct text *out);

/* Reads the next of them, and moves `*at` behind it; false: there is none. */
bool ledger_next_streak(const char **at, const char *end, struct ledger_streak *ret);

/* Whether a streak goes on from what was kept. */
bool ledger_streak_fits(const struct text *standing, const struct ledger_streak *streak);

/* Everything that is kept is out of date: what was taken could not be written. */
void ledger_change_all(struct ledger *ledger);

/* Takes up to `room` ids of entries that have ended; how many. */
size_t ledger_take_ended(struct ledger *ledger, uint64_t *ids, size_t room);

/* `id` is to be kept no longer. */
void ledger_end_kept(struct ledger *ledger, uint64_t id);

/*
 * Puts an entry back that was kept, `clock` being now and `passed_ms` the time since it was; a streak
 * that it has fits, and its age is that of now.  With
 * `anew` its clocks and counters begin again, and only what was open is known, so that recovery is
 * said.  `measures` are the check's.  Its status; PROBE_GRADED where it never was reported, or where
 * what was kept cannot be read, or the subject is there already: then there is nothing of it, and
 * the id has ended.
 */
enum probe_status ledger_restore(struct ledger *ledger, const struct ledger_kept *kept,
                                 const struct measures *measures, struct ledger_clock clock,
                                 int64_t passed_ms, bool anew);

/* The status that was kept: of a subject that is to be restored no more. */
enum probe_status ledger_kept_status(const struct text *standing);

/* How many entries stand at each status now; count[PROBE_GRADED]: not reported yet. */
void ledger_tally(const struct ledger *ledger, unsigned count[PROBE_UNKNOWN + 1]);

#endif
