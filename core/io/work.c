#include "io/work.h"

#include <errno.h>

#include "base/mem.h"
#include "io/crash.h"
#include "io/loop.h"

struct work {
    struct op op;
    uv_work_t request;
    probe_work_fn *work;
    probe_worked_fn *worked;
    void *data;
    const struct blame *owner; /* outlives the life */
    int status;                /* what `work` returned; the pool's until it has */
    bool refused;              /* the life had ended before: nothing is computed */
    bool ended;                /* the life has ended meanwhile; the loop's */
};

/* The op is out of its life already; the rest waits for the pool. */
static void work_end(struct op *op, int status)
{
    (void)status;
    container_of(op, struct work, op)->ended = true;
}

static void work_drop(struct op *op)
{
    work_end(op, -ECANCELED);
}

static const struct op_kind work_kind = {"work", work_end, work_drop};

static void on_pool(uv_work_t *request)
{
    struct work *work = request->data;
    crash_guard_thread();
    if (!work->refused)
        BLAME(work->owner, work->status = work->work(work->data));
}

static void on_done(uv_work_t *request, int status)
{
    struct work *work = request->data;
    (void)status; /* it is never cancelled */
    if (!work->ended)
        op_leave(&work->op);
    BLAME(work->owner, work->worked(work->ended ? -ECANCELED : work->status, work->data));
    free(work);
}

struct op *work_start(struct life *life, probe_work_fn *fn, probe_worked_fn *worked, void *data)
{
    struct work *work = mem_new(sizeof(*work));
    work->work = fn;
    work->worked = worked;
    work->data = data;
    work->owner = life->owner;
    work->refused = work->ended = life->ended;
    work->request.data = work;
    op_begin(&work->op, life, &work_kind);
    if (work->ended) /* whoever ends the life once more must not meet it */
        op_leave(&work->op);
    (void)uv_queue_work(loop_uv(life->loop), &work->request, on_pool, on_done);
    return &work->op;
}
