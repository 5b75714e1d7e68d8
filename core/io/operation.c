#include "io/operation.h"

#include <errno.h>

#include "io/wait.h"

/* -------------------------------------------------------------- timers ---- */

struct timer_op {
    struct op op;
    struct timer timer;
    probe_timer_fn *fn;
    void *data;
};

static void timer_op_drop(struct op *op)
{
    struct timer_op *self = container_of(op, struct timer_op, op);
    timer_stop(&self->timer);
    free(self);
}

static void timer_op_end(struct op *op, int status)
{
    struct timer_op *self = container_of(op, struct timer_op, op);
    probe_timer_fn *fn = self->fn;
    void *data = self->data;
    timer_op_drop(op);
    fn(status, data);
}

static const struct op_kind timer_kind = {"timer", timer_op_end, timer_op_drop};

static void on_time(void *data)
{
    struct timer_op *self = data;
    op_leave(&self->op);
    BLAME(self->op.life->owner, timer_op_end(&self->op, 0));
}

struct op *operation_timer(struct life *life, uint64_t ms, probe_timer_fn *fn, void *data)
{
    if (life->ended)
        return op_fail(life, -ECANCELED, fn, data);
    struct timer_op *self = mem_new(sizeof(*self));
    self->fn = fn;
    self->data = data;
    op_begin(&self->op, life, &timer_kind);
    timer_start(&self->timer, life->loop, ms, on_time, self);
    return &self->op;
}

/* ------------------------------------------------------------- watches ---- */

struct watch_op {
    struct op op;
    struct watch *watch; /* NULL: the life had ended already */
    struct timer refuse;
    probe_watch_fn *fn;
    void *data;
};

static void watch_op_drop(struct op *op)
{
    struct watch_op *self = container_of(op, struct watch_op, op);
    timer_stop(&self->refuse);
    watch_destroy(self->watch);
    free(self);
}

static void watch_op_end(struct op *op, int status)
{
    struct watch_op *self = container_of(op, struct watch_op, op);
    probe_watch_fn *fn = self->fn;
    void *data = self->data;
    watch_op_drop(op);
    fn(status, 0, data);
}

static const struct op_kind watch_kind = {"watch", watch_op_end, watch_op_drop};

static void on_ready(int status, unsigned events, void *data)
{
    struct watch_op *self = data;
    const struct blame *owner = self->op.life->owner;
    if (status < 0) {
        op_leave(&self->op);
        BLAME(owner, watch_op_end(&self->op, status));
        return;
    }
    BLAME(owner,
          self->fn(0, events, self->data)); /* may cancel the watch: touch nothing after it */
}

static void on_refused(void *data)
{
    struct watch_op *self = data;
    op_leave(&self->op);
    BLAME(self->op.life->owner, watch_op_end(&self->op, -ECANCELED));
}

struct op *operation_watch(struct life *life, int fd, unsigned events, probe_watch_fn *fn,
                           void *data)
{
    struct watch_op *self = mem_new(sizeof(*self));
    self->fn = fn;
    self->data = data;
    op_begin(&self->op, life, &watch_kind);
    if (life->ended)
        timer_start(&self->refuse, life->loop, 0, on_refused, self);
    else
        self->watch = watch_create(life->loop, fd, events, on_ready, self);
    return &self->op;
}

void operation_rewatch(struct op *watch, unsigned events)
{
    struct watch_op *self = container_of(watch, struct watch_op, op);
    if (self->watch)
        watch_change(self->watch, events);
}
