#include "io/life.h"

#include <errno.h>

#include "io/wait.h"

/* A callback that answers -ECANCELED with a new operation would keep us for ever. */
enum { MOST_AFTER_THE_END = 10000 };

void life_init(struct life *life, struct loop *loop)
{
    *life = (struct life){.loop = loop};
    list_init(&life->ops);
    list_init(&life->leaving);
}

void op_begin(struct op *op, struct life *life, const struct op_kind *kind)
{
    op->life = life;
    op->kind = kind;
    list_add(&life->ops, &op->link);
}

void op_leave(struct op *op)
{
    list_remove(&op->link);
}

void op_cancel(struct op *op)
{
    if (!op)
        return;
    op_leave(op);
    op->kind->drop(op);
}

void life_drop(struct life *life)
{
    life->ended = true;
    life->ending = false; /* life_end(), if it is at work, calls nobody any more */
    while (!list_empty(&life->leaving))
        op_cancel(list_first(&life->leaving, struct op, link));
    while (!list_empty(&life->ops))
        op_cancel(list_first(&life->ops, struct op, link));
}

static void end_first(struct list *ops, int status)
{
    struct op *op = list_first(ops, struct op, link);
    op_leave(op);
    BLAME(op->life->owner, op->kind->end(op, status));
}

void life_end(struct life *life, int status)
{
    if (life->ending)
        return;
    life->ending = life->ended = true;
    while (!list_empty(&life->ops)) {
        struct list *link = life->ops.next;
        list_remove(link);
        list_add(&life->leaving, link);
    }
    while (!list_empty(&life->leaving))
        end_first(&life->leaving, status);
    for (int i = 0; life->ending && !list_empty(&life->ops) && i < MOST_AFTER_THE_END; i++)
        end_first(&life->ops, -ECANCELED);
    life_drop(life);
}

/* ------------------------------------------------ operations that fail ---- */

struct failure {
    struct op op;
    struct timer later;
    int status;
    op_failed_fn *fn;
    void *data;
};

static void failure_drop(struct op *op)
{
    struct failure *failure = container_of(op, struct failure, op);
    timer_stop(&failure->later);
    free(failure);
}

static void failure_end(struct op *op, int status)
{
    struct failure *failure = container_of(op, struct failure, op);
    op_failed_fn *fn = failure->fn;
    void *data = failure->data;
    failure_drop(op);
    fn(status, data);
}

static const struct op_kind failure_kind = {"failure", failure_end, failure_drop};

static void on_later(void *data)
{
    struct failure *failure = data;
    op_leave(&failure->op);
    BLAME(failure->op.life->owner, failure_end(&failure->op, failure->status));
}

struct op *op_fail(struct life *life, int status, op_failed_fn *fn, void *data)
{
    struct failure *failure = mem_new(sizeof(*failure));
    failure->status = status;
    failure->fn = fn;
    failure->data = data;
    op_begin(&failure->op, life, &failure_kind);
    timer_start(&failure->later, life->loop, 0, on_later, failure);
    return &failure->op;
}
