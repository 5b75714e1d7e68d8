#include "io/loop.h"

#include <assert.h>
#include <signal.h>
#include <time.h>

#include "base/mem.h"
#include "io/agenda.h"
#include "io/wait.h"

enum { ROUNDS = 4 };

struct loop {
    uv_loop_t uv;
    uv_timer_t alarm;  /* for the earliest of our timers */
    uv_idle_t at_once; /* where that is due already: then descriptors have their turn in between */
    struct agenda agenda;
    uint64_t next_order;
    uint64_t worst_lag_us;
    struct loop_lag lag;
    bool turning;  /* the alarm is set when all that is due has fired */
    bool stepping; /* loop_run_until() wants to look after each callback */
    bool driven;
    uint64_t driven_us;
    int64_t driven_wall_ms;
};

uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

uint64_t loop_now_us(const struct loop *loop)
{
    struct timespec now;
    if (loop->driven)
        return loop->driven_us;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

int64_t loop_wall_ms(const struct loop *loop)
{
    struct timespec now;
    if (loop->driven)
        return loop->driven_wall_ms;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t loop_take_lag_us(struct loop *loop)
{
    uint64_t worst = loop->worst_lag_us;
    loop->worst_lag_us = 0;
    return worst;
}

struct loop_lag loop_lag(const struct loop *loop)
{
    return loop->lag;
}

/* ---------------------------------------------------------------- time ---- */

static void on_alarm(uv_timer_t *alarm);

static void on_at_once(uv_idle_t *at_once);

/*
 * libuv 1.44 goes on firing its timers for as long as one is due, and a callback that starts one
 * without delay would be all that it ever did.
 */
static void set_alarm(struct loop *loop)
{
    if (loop->driven || loop->turning || uv_is_closing((uv_handle_t *)&loop->at_once))
        return;
    uint64_t now = loop_now_us(loop), due = loop_due_us(loop);
    if (due > now)
        (void)uv_idle_stop(&loop->at_once);
    else
        (void)uv_idle_start(&loop->at_once, on_at_once);
    if (due <= now || due == UINT64_MAX) {
        (void)uv_timer_stop(&loop->alarm);
        return;
    }
    uv_update_time(&loop->uv);
    (void)uv_timer_start(&loop->alarm, on_alarm, (due - now + 999) / 1000, 0);
}

/* Fires what was due at `now`; what a callback starts with no delay waits for the next round. */
static void fire(struct loop *loop, uint64_t now)
{
    uint64_t before = loop->next_order;
    struct timer *timer;
    while ((timer = agenda_first(&loop->agenda)) && timer->due_us <= now && timer->order < before) {
        uint64_t lag = now - timer->due_us;
        if (lag > loop->worst_lag_us)
            loop->worst_lag_us = lag;
        loop->lag.fired++;
        loop->lag.total_us += lag;
        loop_remove_timer(loop, timer);
        timer->fn(timer->data);
    }
}

/* Some callbacks start others without delay; after a few rounds descriptors have their turn. */
static void turn(struct loop *loop)
{
    uint64_t now = loop_now_us(loop);
    loop->turning = true;
    for (int round = 0; round < ROUNDS && loop_due_us(loop) <= now; round++) {
        fire(loop, now);
        now = loop_now_us(loop);
    }
    loop->turning = false;
    set_alarm(loop);
    if (loop->stepping) /* UV_RUN_ONCE would go on to wait for what is next */
        uv_stop(&loop->uv);
}

static void on_alarm(uv_timer_t *alarm)
{
    turn(alarm->data);
}

static void on_at_once(uv_idle_t *at_once)
{
    turn(at_once->data);
}

void loop_add_timer(struct loop *loop, struct timer *timer)
{
    timer->loop = loop;
    timer->order = loop->next_order++;
    agenda_add(&loop->agenda, timer);
    if (agenda_first(&loop->agenda) == timer)
        set_alarm(loop);
}

void loop_remove_timer(struct loop *loop, struct timer *timer)
{
    timer->loop = NULL;
    agenda_remove(&loop->agenda, timer);
    if (!agenda_first(&loop->agenda))
        set_alarm(loop);
}

/* ---------------------------------------------------------------- life ---- */

struct loop *loop_create(void)
{
    struct loop *loop = mem_new(sizeof(*loop));
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that is gone is a status, not the end of us */
    int status = uv_loop_init(&loop->uv);
    assert(status == 0);
    status = uv_timer_init(&loop->uv, &loop->alarm);
    assert(status == 0);
    (void)status;
    (void)uv_idle_init(&loop->uv, &loop->at_once); /* cannot fail */
    loop->at_once.data = loop;
    loop->alarm.data = loop;
    loop->uv.data = loop;
    return loop;
}

static void count_open(uv_handle_t *handle, void *data)
{
    int *open = data;
    if (!uv_is_closing(handle)) {
        ++*open;
        uv_close(handle, NULL);
    }
}

int loop_destroy(struct loop *loop)
{
    int open = 0;
    if (!loop)
        return 0;
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_close((uv_handle_t *)&loop->at_once, NULL);
    (void)uv_run(&loop->uv, UV_RUN_NOWAIT); /* lets what is closing finish */
    uv_walk(&loop->uv, count_open, &open);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop->uv);
    open += agenda_finish(&loop->agenda);
    free(loop);
    return open;
}

void loop_run(struct loop *loop)
{
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

static void on_given_up(void *data)
{
    *(bool *)data = true;
}

bool loop_run_until(struct loop *loop, const bool *done, uint64_t ms)
{
    struct timer limit = {0};
    bool given_up = false;
    timer_start(&limit, loop, ms, on_given_up, &given_up);
    loop->stepping = true;
    while (!*done && !given_up)
        (void)uv_run(&loop->uv, UV_RUN_ONCE);
    loop->stepping = false;
    timer_stop(&limit);
    return *done;
}

void loop_drive(struct loop *loop, uint64_t now_ms, int64_t wall_ms)
{
    loop->driven = true;
    loop->driven_us = now_ms * 1000u;
    loop->driven_wall_ms = wall_ms;
    (void)uv_timer_stop(&loop->alarm);
    (void)uv_idle_stop(&loop->at_once);
}

void loop_advance(struct loop *loop, uint64_t ms)
{
    uint64_t end = loop->driven_us + ms * 1000u;
    int64_t wall_end = loop->driven_wall_ms + (int64_t)ms;
    assert(loop->driven);
    for (;;) {
        (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
        uint64_t due = loop_due_us(loop);
        if (due > end)
            break;
        if (due > loop->driven_us) {
            loop->driven_us = due;
            loop->driven_wall_ms = wall_end - (int64_t)((end - loop->driven_us) / 1000u);
        }
        fire(loop, loop->driven_us);
    }
    loop->driven_us = end;
    loop->driven_wall_ms = wall_end;
}

uint64_t loop_due_us(const struct loop *loop)
{
    const struct timer *timer = agenda_first(&loop->agenda);
    return timer ? timer->due_us : UINT64_MAX;
}
