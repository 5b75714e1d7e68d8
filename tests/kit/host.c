/*
 * host - the service table of the fake host, and what all its operations share.
 */
#include "inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/secret.h"

/* ---------------------------------------------------------- operations ---- */

static void end_op(struct op *op, int status)
{
    struct kit_op *self = container_of(op, struct kit_op, op);
    kit_gone(self);
    self->finish(self, status);
}

static void drop_op(struct op *op)
{
    kit_gone(container_of(op, struct kit_op, op));
}

static const struct op_kind kind = {"kit", end_op, drop_op};

struct probe_op *kit_begin(struct kit_op *op, struct probe_life *life, const char *what,
                           void (*finish)(struct kit_op *, int))
{
    struct kit_life *own = kit_life_of(life);
    op->kit = own->kit;
    op->what = what;
    op->finish = finish;
    kit_keep(op->kit, op);
    if (own->job && own->job->shown.over)
        kit_break(own->kit, "%s starts a %s after it has ended", own->job->face.name, what);
    op_begin(&op->op, &own->life, &kind);
    return (struct probe_op *)op;
}

void kit_gone(struct kit_op *op)
{
    op->gone = true;
    op_leave(&op->op);
    timer_stop(&op->timer);
    if (op->drop)
        op->drop(op);
}

struct kit_op *kit_alive(struct probe_op *op, const char *verb)
{
    struct kit_op *self = (struct kit_op *)op;
    if (!self->gone)
        return self;
    kit_break(self->kit, "the plugin %s a %s that is gone", verb, self->what);
    return NULL;
}

static void do_cancel(struct probe_op *op)
{
    struct kit_op *self = kit_alive(op, "cancels");
    if (self)
        op_cancel(&self->op);
}

/* ------------------------------------------------------ timers, watches ---- */

struct timer_op {
    struct kit_op op;
    probe_timer_fn *fn;
    void *data;
};

static void finish_timer(struct kit_op *op, int status)
{
    struct timer_op *self = container_of(op, struct timer_op, op);
    kit_enter(op->kit);
    self->fn(status, self->data);
    kit_leave(op->kit);
}

static void on_timer(void *data)
{
    struct timer_op *self = data;
    kit_gone(&self->op);
    finish_timer(&self->op, 0);
}

static struct probe_op *do_timer(struct probe_life *life, uint64_t ms, probe_timer_fn *fn,
                                 void *data)
{
    struct timer_op *self = mem_new(sizeof(*self));
    self->fn = fn;
    self->data = data;
    struct probe_op *op = kit_begin(&self->op, life, "timer", finish_timer);
    timer_start(&self->op.timer, self->op.kit->loop, ms, on_timer, self);
    return op;
}

struct watch_op {
    struct kit_op op;
    struct watch *watch;
    probe_watch_fn *fn;
    void *data;
};

static void call_watch(struct watch_op *self, int status, unsigned events)
{
    kit_enter(self->op.kit);
    self->fn(status, events, self->data);
    kit_leave(self->op.kit);
}

static void finish_watch(struct kit_op *op, int status)
{
    call_watch(container_of(op, struct watch_op, op), status, 0);
}

static void drop_watch(struct kit_op *op)
{
    struct watch_op *self = container_of(op, struct watch_op, op);
    watch_destroy(self->watch);
    self->watch = NULL;
}

static void on_watched(int status, unsigned events, void *data)
{
    struct watch_op *self = data;
    if (status < 0)
        kit_gone(&self->op);
    call_watch(self, status, events);
}

static struct probe_op *do_watch(struct probe_life *life, int fd, unsigned events,
                                 probe_watch_fn *fn, void *data)
{
    struct watch_op *self = mem_new(sizeof(*self));
    self->fn = fn;
    self->data = data;
    self->op.drop = drop_watch;
    struct probe_op *op = kit_begin(&self->op, life, "watch", finish_watch);
    if (!kit_life_of(life)->kit->real_time)
        kit_break(self->op.kit, "a watch waits for the real world: kit_use_real_time() first");
    self->watch = watch_create(self->op.kit->loop, fd, events, on_watched, self);
    return op;
}

static void do_rewatch(struct probe_op *op, unsigned events)
{
    struct kit_op *self = kit_alive(op, "changes");
    if (self)
        watch_change(container_of(self, struct watch_op, op)->watch, events);
}

/* ---------------------------------------------------------------- runs ---- */

static struct kit_job *job_of(struct probe_run *run, const char *verb)
{
    struct kit_job *job = kit_life_of(&run->life)->job;
    if (!job->shown.over)
        return job;
    kit_break(job->own.kit, "%s %s after it has ended", job->shown.name, verb);
    return NULL;
}

static void do_report(struct probe_run *run, const struct probe_finding *finding)
{
    struct kit_job *job = job_of(run, "reports");
    if (job)
        kit_record(job, finding);
}

static void do_retire(struct probe_run *run, const char *subject)
{
    struct kit_job *job = job_of(run, "retires a subject");
    if (!job)
        return;
    job->retired = kit_room(job->own.kit, job->retired, job->shown.retired_count, sizeof(char *));
    job->retired[job->shown.retired_count++] = kit_copy(job->own.kit, subject);
    job->shown.retired = job->retired;
}

static void do_end(struct probe_run *run, const struct probe_ending *ending)
{
    struct kit_job *job = job_of(run, "ends again");
    if (!job)
        return;
    kit_record_end(job, ending);
    kit_over(job);
}

static void do_planned(struct probe_run *run, const struct probe_plan *plan)
{
    struct kit_job *job = job_of(run, "plans");
    if (!job)
        return;
    kit_record_plan(job, plan);
    kit_over(job);
}

static void do_applied(struct probe_run *run, const struct probe_result *result)
{
    struct kit_job *job = job_of(run, "says that it was applied");
    if (!job)
        return;
    kit_record_result(job, result);
    kit_over(job);
}

static int no_error_here(struct probe_error *error, const char *option, const char *text)
{
    (void)error, (void)option, (void)text;
    return -EINVAL;
}

/* ------------------------------------------------------------ log, metrics ---- */

struct kit_metric {
    const char *name;
    double value;
};

static struct kit_metric *metric_of(struct kit *kit, const char *name)
{
    struct kit_metric *all = kit->metrics.all;
    for (size_t i = 0; i < kit->metrics.count; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    struct kit_metric *metric = kit_pile_up(&kit->metrics, sizeof(*metric));
    metric->name = kit_copy(kit, name);
    return metric;
}

static void do_log(struct probe_life *life, enum probe_level level, const char *text)
{
    (void)level;
    text_print(&kit_life_of(life)->kit->log, "%s\n", text);
}

static void do_count(struct probe_life *life, const char *metric, uint64_t add)
{
    metric_of(kit_life_of(life)->kit, metric)->value += (double)add;
}

static void do_gauge(struct probe_life *life, const char *metric, double value)
{
    metric_of(kit_life_of(life)->kit, metric)->value = value;
}

bool kit_logged(const struct kit *kit, const char *text)
{
    return strstr(kit->log.bytes, text) != NULL;
}

double kit_metric(const struct kit *kit, const char *metric)
{
    const struct kit_metric *all = kit->metrics.all;
    for (size_t i = 0; i < kit->metrics.count; i++)
        if (strcmp(all[i].name, metric) == 0)
            return all[i].value;
    return 0;
}

/* ------------------------------------------------------ clocks, memory ---- */

static uint64_t do_now(struct probe_life *life)
{
    return loop_now_us(kit_life_of(life)->kit->loop);
}

static int64_t do_wall(struct probe_life *life)
{
    return loop_wall_ms(kit_life_of(life)->kit->loop);
}

static const char *do_reveal(struct probe_life *life, const struct probe_secret *secret)
{
    const char *value = secret ? secret_reveal((struct probe_secret *)(uintptr_t)secret) : NULL;
    return value ? kit_lend(kit_life_of(life)->kit, value) : NULL;
}

enum { MOST_NOTES = 64, LONGEST_NOTE = 4096 };

struct kit_note {
    const char *check, *key, *value; /* check NULL: the target's; value NULL: forgotten */
};

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static struct kit_note *note_of(const struct kit *kit, const char *check, const char *key)
{
    struct kit_note *all = kit->notes.all;
    for (size_t i = 0; i < kit->notes.count; i++)
        if (same(all[i].check, check) && strcmp(all[i].key, key) == 0)
            return &all[i];
    return NULL;
}

const char *kit_remembered(const struct kit *kit, const char *check, const char *key)
{
    const struct kit_note *note = note_of(kit, check, key);
    return note ? note->value : NULL;
}

static size_t notes_of(const struct kit *kit, const char *check)
{
    const struct kit_note *all = kit->notes.all;
    size_t count = 0;
    for (size_t i = 0; i < kit->notes.count; i++)
        count += all[i].value && same(all[i].check, check);
    return count;
}

void kit_remember(struct kit *kit, const char *check, const char *key, const char *value)
{
    struct kit_note *note = note_of(kit, check, key);
    if (!note) {
        note = kit_pile_up(&kit->notes, sizeof(*note));
        note->check = kit_copy(kit, check);
        note->key = kit_copy(kit, key);
    }
    note->value = kit_copy(kit, value);
    if (value && strlen(value) > LONGEST_NOTE)
        kit_break(kit, "%s is remembered with more than %d bytes", key, LONGEST_NOTE);
    if (notes_of(kit, check) > MOST_NOTES)
        kit_break(kit, "more than %d things are remembered", MOST_NOTES);
}

static const char *owner_of(const struct probe_life *life)
{
    const struct kit_job *job = kit_life_of(life)->job;
    return job ? job->shown.name : NULL;
}

static const char *do_recall(struct probe_life *life, const char *key)
{
    struct kit *kit = kit_life_of(life)->kit;
    const char *value = kit_remembered(kit, owner_of(life), key);
    return value ? kit_lend(kit, value) : NULL;
}

static void do_remember(struct probe_life *life, const char *key, const char *value)
{
    kit_remember(kit_life_of(life)->kit, owner_of(life), key, value);
}

const struct probe_host kit_host = {
    .abi_major = PROBE_ABI_MAJOR,
    .abi_minor = PROBE_ABI_MINOR,
    .size = sizeof(struct probe_host),
    .report = do_report,
    .retire = do_retire,
    .end = do_end,
    .planned = do_planned,
    .applied = do_applied,
    .refuse = no_error_here,
    .log = do_log,
    .count = do_count,
    .gauge = do_gauge,
    .now = do_now,
    .wall = do_wall,
    .reveal = do_reveal,
    .recall = do_recall,
    .remember = do_remember,
    .timer = do_timer,
    .watch = do_watch,
    .rewatch = do_rewatch,
    .resolve = kit_do_resolve,
    .work = kit_do_work,
    .http = kit_do_http,
    .dial = kit_do_dial,
    .write = kit_do_write,
    .secure = kit_do_secure,
    .exec = kit_do_exec,
    .look = kit_do_look,
    .follow = kit_do_follow,
    .cancel = do_cancel,
};
