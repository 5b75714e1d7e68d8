/*
 * schedule - when each duty is due, and how many run at once.
 *
 * A duty is due every interval, counted from when it was due before, so that lateness does not
 * add up; the first time within a short random while.  After a run that could not examine, the
 * pause is random (full jitter) below a ceiling that doubles: the first retry comes soon, the
 * ceiling is ten intervals or 60 s, whichever is less, and never less than a second.  A check
 * that does not apply here is asked again after ten intervals, an hour at least.  A duty never
 * overlaps itself.
 *
 * Layer: probe.  Uses: base, io, probe/config, event, ledger, target.
 */
#ifndef PROBE_SCHEDULE_H
#define PROBE_SCHEDULE_H

#include "probe/event.h"
#include "probe/isolation.h"
#include "probe/ledger.h"
#include "probe/target.h"

struct schedule_stats {
    uint64_t runs, failed;  /* since the last call of schedule_take_stats() */
    uint64_t late;          /* runs that began more than 100 ms after they were due */
    uint64_t late_worst_us; /* the worst of them */
    unsigned running, waiting;
};

/* Whether a configured check is to be asked at all. */
typedef bool schedule_wants_fn(const struct config_target *target, const struct config_check *check,
                               void *data);

/*
 * Whoever keeps the notes of targets (`name` is "") and of their checks over a restart: recall()
 * fills them before the plugin hears of its target, remember() takes those that have changed.
 */
struct schedule_notes {
    void (*recall)(const char *target, const char *name, struct notes *notes, void *data);
    void (*remember)(const char *target, const char *name, struct notes *notes, void *data);
    void *data;
};

/* Whoever knows which silence a finding is under: its id, or NULL; valid until the next call. */
struct schedule_silence {
    const char *(*of)(const struct duty *duty, const struct finding *finding,
                      enum probe_status status, void *data);
    void *data;
};

/* What one run says about one subject, and what is reported of it.  Borrowed for the call. */
struct schedule_sample {
    const struct duty *duty;
    const struct finding *finding;
    enum probe_status sample, status;
    bool flapping, isolated;
    int64_t changed_wall_ms; /* when `status` was first reported */
    uint64_t started_us;     /* of the run; zero: nobody ran */
};

/*
 * Who hears every sample, said or not, and that a run is over, after its samples.  It may not end targets, nor
 * start anything but timers.
 */
struct schedule_ear {
    void (*sample)(const struct schedule_sample *sample, void *data);
    void (*over)(const struct duty *duty, enum probe_failure failure, uint64_t started_us,
                 void *data);
    void *data;
};

struct schedule {
    struct loop *loop;
    struct bus *bus;
    struct ledger *ledger;
    struct isolation *isolation;
    struct board *board; /* borrowed; NULL: nobody reads what checks found last */
    struct list targets;
    struct list blocked; /* targets that wait for room */
    size_t duty_count;
    unsigned running, most;
    schedule_wants_fn *wants; /* NULL: every check */
    void *wants_data;
    bool (*serves)(void *data); /* whether cluster scope is ours at this moment; NULL: always */
    void *serves_data;
    bool resting;                    /* targets of cluster scope: see probe/rest */
    struct schedule_notes notes;     /* zeroed: nobody keeps them */
    struct schedule_silence silence; /* zeroed: there is none */
    struct schedule_ear ear;         /* zeroed: nobody listens */
    bool begun;                      /* targets are at work: later ones may take over from them */
    bool closing;                    /* nothing is started any more */
    bool driven;    /* no duty is due by itself: who rehearses a configuration asks each */
    bool once;      /* every duty one time, connect before the others; every sample is said */
    uint64_t round; /* for probe/depend: how often names were taken */
    size_t left;    /* of once: duties that were not asked yet */
    void (*on_all_asked)(void *data);
    void *data;
    struct schedule_stats stats;
    uint64_t random; /* its state */
};

/* `bus` and `ledger` are borrowed. */
struct schedule *schedule_create(struct loop *loop, struct bus *bus, struct ledger *ledger);

/* Ends all runs and frees all targets. */
void schedule_destroy(struct schedule *schedule);

/* Makes the configuration's targets.  Zero, or -EINVAL with what plugins refused in `problems`. */
int schedule_fill(struct schedule *schedule, struct config *config, struct problems *problems);

/*
 * Begins.  With `once` every duty runs one time, its target's connect before it, and `fn` is
 * called, later, when all have; a duty that is held because its connect failed counts as asked.
 */
void schedule_start(struct schedule *schedule);
void schedule_begin(struct target *target); /* one that came later */
void schedule_start_once(struct schedule *schedule, void (*fn)(void *data), void *data);

/* Has notes that changed remembered. */
void schedule_remember(struct schedule *schedule);

/* For target: when a duty is due next. */
void schedule_next(struct duty *duty, enum probe_failure failure, int64_t retry_ms);
void schedule_soon(struct duty *duty, uint64_t within_ms);

/* What happened since the last call. */
struct schedule_stats schedule_take_stats(struct schedule *schedule);

/* The pause after `failures` failed runs in a row, for a random number in [0, 1). */
uint64_t schedule_pause_ms(int64_t every_ms, unsigned failures, double random);

#endif
