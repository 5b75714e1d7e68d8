#include "io/wait.h"

#include <uv.h>

#include "base/mem.h"
#include "io/loop.h"

/* A century: whoever waits for UINT64_MAX means never, and must not wrap around to now. */
static const uint64_t LONGEST_US = 3155760000000000u;

void timer_start_us(struct timer *timer, struct loop *loop, uint64_t us, timer_fn *fn, void *data)
{
    timer_stop(timer);
    timer->at_once = us == 0;
    timer->due_us = loop_now_us(loop) + (us < LONGEST_US ? us : LONGEST_US);
    timer->fn = fn;
    timer->data = data;
    loop_add_timer(loop, timer);
}

void timer_start(struct timer *timer, struct loop *loop, uint64_t ms, timer_fn *fn, void *data)
{
    timer_start_us(timer, loop, ms < LONGEST_US / 1000u ? ms * 1000u : LONGEST_US, fn, data);
}

void timer_stop(struct timer *timer)
{
    if (timer->loop)
        loop_remove_timer(timer->loop, timer);
}

bool timer_pending(const struct timer *timer)
{
    return timer->loop != NULL;
}

/* ------------------------------------------------------------- watches ---- */

struct watch {
    uv_poll_t poll;
    watch_fn *fn;
    void *data;
    struct loop *loop;
    int refused;         /* why the descriptor cannot be watched */
    struct timer report; /* tells it, later */
    bool polled;         /* `poll` is a handle of the loop */
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    unsigned seen = (events & (UV_READABLE | UV_DISCONNECT) ? WATCH_READABLE : 0u) |
                    (events & UV_WRITABLE ? WATCH_WRITABLE : 0u);
    watch->fn(status, status < 0 ? 0u : seen, watch->data);
}

static void on_refused(void *data)
{
    struct watch *watch = data;
    watch->fn(watch->refused, 0, watch->data);
}

struct watch *watch_create(struct loop *loop, int fd, unsigned events, watch_fn *fn, void *data)
{
    struct watch *watch = mem_new(sizeof(*watch));
    watch->fn = fn;
    watch->data = data;
    watch->loop = loop;
    watch->refused = uv_poll_init(loop_uv(loop), &watch->poll, fd);
    watch->polled = watch->refused == 0;
    watch->poll.data = watch;
    watch_change(watch, events);
    return watch;
}

void watch_change(struct watch *watch, unsigned events)
{
    int wanted =
        (events & WATCH_READABLE ? UV_READABLE : 0) | (events & WATCH_WRITABLE ? UV_WRITABLE : 0);
    if (watch->polled)
        watch->refused =
            wanted ? uv_poll_start(&watch->poll, wanted, on_poll) : uv_poll_stop(&watch->poll);
    if (watch->refused < 0)
        timer_start(&watch->report, watch->loop, 0, on_refused, watch);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void watch_destroy(struct watch *watch)
{
    if (!watch)
        return;
    timer_stop(&watch->report);
    if (watch->polled)
        uv_close((uv_handle_t *)&watch->poll, on_closed);
    else
        free(watch);
}
