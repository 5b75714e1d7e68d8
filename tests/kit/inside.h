/*
 * inside - what the kit's own files share; tests include kit.h only.
 */
#ifndef KIT_INSIDE_H
#define KIT_INSIDE_H

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/life.h"
#include "io/loop.h"
#include "io/wait.h"
#include "kit.h"
#include "probe/plugin.h"
#include "script.h"

/* Lies directly before each object that a plugin sees, as its life. */
struct kit_life {
    struct life life;
    struct kit *kit;
    struct kit_job *job; /* NULL: the target's life */
};

struct kit_target {
    struct kit_life own;
    struct probe_target face;
};

/* A configured check, or an action. */
struct kit_subject {
    const char *name;
    const struct probe_check *check;
    const struct probe_action *action;
    void *config, *memory;
    bool prepared;
};

struct kit_job {
    struct kit_life own;
    struct probe_run face;
    struct kit_run shown; /* what the test reads */
    struct list link;
    const struct kit_subject *subject;
    struct timer deadline;
    uint64_t started_us;
    struct kit_finding *findings;
    const char **retired;
    struct timer burial;
    bool buried; /* ended() was called, and data is gone */
};

/* An array that only grows; `all` points to elements of any kind. */
struct kit_pile {
    void *all;
    size_t count;
};

struct kit {
    struct loop *loop;
    struct plugins plugins;
    struct plugin *plugin;
    bool real_time;
    struct kit_target *target; /* NULL: not created yet */
    struct list jobs;
    unsigned depth; /* of calls into the plugin */
    struct text broken;
    unsigned broken_count;
    struct arena *memory;     /* of configurations */
    struct kit_pile kept;     /* void *: freed at the end */
    struct kit_pile lent;     /* char *: freed when the plugin returns */
    struct kit_pile settings; /* struct kit_setting */
    struct kit_pile subjects; /* struct kit_subject * */
    struct kit_pile scripts;  /* const struct kit_move *, of the streams to come */
    struct kit_pile dials;    /* struct kit_dial * */
    struct kit_pile answers;  /* const struct kit_answer * */
    struct kit_pile requests; /* struct kit_request * */
    struct kit_pile programs; /* const struct kit_program * */
    struct kit_pile commands; /* char * */
    struct kit_pile names;    /* struct kit_name */
    struct kit_pile sights;   /* struct kit_sight */
    struct kit_pile tails;    /* struct kit_tail * */
    struct kit_pile notes;    /* struct kit_note: what was remembered */
    struct kit_pile metrics;  /* struct kit_metric */
    struct kit_pile tasks;    /* struct kit_task *: work that is not over */
    struct text log;
};

struct kit_setting {
    const char *subject; /* NULL: the target's */
    const char *option, *value;
};

/* One operation in flight.  Lives until kit_close(), so that what comes too late is seen. */
struct kit_op {
    struct op op;
    struct kit *kit;
    const char *what;
    bool gone;
    struct timer timer;
    void (*finish)(struct kit_op *op, int status); /* calls back for the last time */
    void (*drop)(struct kit_op *op);               /* besides stopping the timer; or NULL */
};

/* ---- kit.c ---- */

__attribute__((format(printf, 2, 3))) void kit_break(struct kit *kit, const char *fmt, ...);

/* Around every call into the plugin; the outermost kit_leave() takes back what was lent. */
void kit_enter(struct kit *kit);
void kit_leave(struct kit *kit);

/* Memory that lives as long as the kit. */
void *kit_keep(struct kit *kit, void *memory);
char *kit_copy(struct kit *kit, const char *string); /* NULL gives NULL */

/*
 * Room for one more after `count` elements at `all`, in memory of the kit's that is never moved:
 * what was handed out of it stays.
 */
void *kit_room(struct kit *kit, const void *all, size_t count, size_t size);

/* Adds an element of `size` bytes to a pile, and returns it, zeroed. */
void *kit_pile_up(struct kit_pile *pile, size_t size);

/* The same for a pile of pointers. */
void kit_add(struct kit_pile *pile, const void *pointer);

/* A copy that is freed as soon as the plugin has returned. */
const char *kit_lend(struct kit *kit, const char *string);

/* ---- fill.c ---- */

/* A filled struct; what is wrong breaks the test. */
void *kit_fill(struct kit *kit, const char *subject, const struct probe_option *options,
               size_t size);

/* ---- record.c ---- */

void kit_record(struct kit_job *job, const struct probe_finding *reported);
void kit_record_end(struct kit_job *job, const struct probe_ending *ending);
void kit_record_plan(struct kit_job *job, const struct probe_plan *plan);
void kit_record_result(struct kit_job *job, const struct probe_result *result);
struct probe_pair *kit_copy_pairs(struct kit *kit, const struct probe_pair *pairs);

/* ---- run.c ---- */

struct kit_subject *kit_subject(struct kit *kit, const char *name);
void kit_create_target(struct kit *kit);
void kit_destroy_target(struct kit *kit);
void kit_over(struct kit_job *job); /* it has ended: silences it; ended() follows, later */

/* ---- host.c, op.c ---- */

extern const struct probe_host kit_host;

static inline struct kit_life *kit_life_of(const struct probe_life *life)
{
    return (struct kit_life *)(uintptr_t)life - 1;
}

struct probe_op *kit_begin(struct kit_op *op, struct probe_life *life, const char *what,
                           void (*finish)(struct kit_op *, int));

/* Takes an operation out of its life, as the first step of its last callback. */
void kit_gone(struct kit_op *op);

/* The operation, or NULL after breaking the test: it is gone. */
struct kit_op *kit_alive(struct probe_op *op, const char *verb);

/* ---- stream.c, http.c, machine.c: the table's functions ---- */

struct probe_op *kit_do_dial(struct probe_life *, const struct probe_endpoint *, probe_stream_fn *,
                             void *);
void kit_do_write(struct probe_op *, const void *, size_t);
void kit_do_secure(struct probe_op *);
struct probe_op *kit_do_http(struct probe_life *, const struct probe_request *, probe_http_fn *,
                             void *);
struct probe_op *kit_do_resolve(struct probe_life *, const char *, probe_resolve_fn *, void *);
struct probe_op *kit_do_work(struct probe_life *, probe_work_fn *, probe_worked_fn *, void *);
void kit_finish_work(struct kit *kit);
struct probe_op *kit_do_exec(struct probe_life *, const struct probe_command *, probe_exec_fn *,
                             void *);
struct probe_op *kit_do_look(struct probe_life *, enum probe_look, const char *, int64_t,
                             probe_look_fn *, void *);
struct probe_op *kit_do_follow(struct probe_life *, const struct probe_tail *, probe_follow_fn *,
                               void *);

#endif
