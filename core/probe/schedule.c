#include "probe/schedule.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/loop.h"
#include "probe/depend.h"

enum {
    FIRST_PAUSE_MS = 1000,
    LONGEST_PAUSE_MS = 60000,
    INAPPLICABLE_MS = 3600000,
    LONGEST_RETRY_MS = 86400000
};

/* The agent was cut off: what seemed to be down is asked again. */
static void on_connected(void *data)
{
    const struct schedule *schedule = data;
    struct target *target;
    list_for_each(target, &schedule->targets, struct target, link) {
        if (target->config->network && target->down && target->connect->state == DUTY_IDLE)
            schedule_soon(target->connect, 500);
    }
}

struct schedule *schedule_create(struct loop *loop, struct bus *bus, struct ledger *ledger)
{
    struct schedule *schedule = mem_new(sizeof(*schedule));
    schedule->loop = loop;
    schedule->bus = bus;
    schedule->ledger = ledger;
    schedule->isolation = isolation_create(loop, bus, on_connected, schedule);
    schedule->most = 1000;
    schedule->random = loop_now_us(loop) * 2862933555777941757u + (uint64_t)getpid();
    list_init(&schedule->targets);
    list_init(&schedule->blocked);
    return schedule;
}

void schedule_destroy(struct schedule *schedule)
{
    if (!schedule)
        return;
    schedule->closing = true;
    depend_untie(schedule);
    while (!list_empty(&schedule->targets))
        target_destroy(list_first(&schedule->targets, struct target, link));
    isolation_destroy(schedule->isolation);
    free(schedule);
}

int schedule_fill(struct schedule *schedule, struct config *config, struct problems *problems)
{
    int status = 0;
    schedule->most = (unsigned)config->agent.most_at_once;
    for (size_t i = 0; i < config->target_count; i++) {
        struct target *target = target_create(schedule, config, &config->targets[i], problems);
        if (!target) {
            status = -EINVAL;
            continue;
        }
        list_add(&schedule->targets, &target->link);
        schedule->duty_count += target->duty_count;
    }
    depend_tie(schedule);
    isolation_use(schedule->isolation, config);
    return status;
}

/* In [0, 1): xorshift64*, which need not be good, only different in each agent. */
static double random_share(struct schedule *schedule)
{
    uint64_t x = schedule->random ? schedule->random : 88172645463325252u;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    schedule->random = x;
    return (double)((x * 2685821657736338717u) >> 11) / 9007199254740992.0;
}

static void on_due(void *data)
{
    struct duty *duty = data;
    target_ask(duty);
}

static void set_due(struct duty *duty, uint64_t due_us)
{
    struct loop *loop = duty->target->schedule->loop;
    uint64_t now = loop_now_us(loop);
    duty->due_us = due_us > now ? due_us : now;
    timer_start_us(&duty->due, loop, duty->due_us - now, on_due, duty);
}

void schedule_soon(struct duty *duty, uint64_t within_ms)
{
    struct schedule *schedule = duty->target->schedule;
    if (duty->target->resting)
        return;
    double share = schedule->once || schedule->driven ? 0 : random_share(schedule);
    set_due(duty, loop_now_us(schedule->loop) + (uint64_t)(share * (double)within_ms * 1000));
}

/* -------------------------------------------------------------- begins ---- */

void schedule_begin(struct target *target)
{
    const struct schedule *schedule = target->schedule;
    if (target->resting)
        return;
    uint64_t spread = schedule->duty_count * 5 > 1000 ? schedule->duty_count * 5 : 1000;
    for (size_t i = 0; i < target->duty_count; i++) {
        struct duty *duty = &target->duties[i];
        uint64_t every = (uint64_t)duty->config->every_ms;
        schedule_soon(duty, duty == target->connect ? 100 : spread < every ? spread : every);
    }
}

void schedule_start(struct schedule *schedule)
{
    struct target *target;
    isolation_start(schedule->isolation);
    schedule->begun = true;
    list_for_each(target, &schedule->targets, struct target, link) {
        schedule_begin(target);
    }
}

static void on_none(void *data)
{
    struct schedule *schedule = data;
    schedule->on_all_asked(schedule->data);
}

void schedule_start_once(struct schedule *schedule, void (*fn)(void *data), void *data)
{
    static struct timer none;
    struct target *target;
    schedule->once = true;
    schedule->left = schedule->duty_count;
    schedule->on_all_asked = fn;
    schedule->data = data;
    if (schedule->left == 0)
        timer_start(&none, schedule->loop, 0, on_none, schedule);
    list_for_each(target, &schedule->targets, struct target, link) {
        target->down = target->connect != NULL; /* until it has answered */
        for (size_t i = 0; i < target->duty_count; i++)
            if (!target_holds(&target->duties[i]))
                schedule_soon(&target->duties[i], 0);
    }
}

/* ----------------------------------------------------------- goes on ---- */

uint64_t schedule_pause_ms(int64_t every_ms, unsigned failures, double random)
{
    double ceiling = 10.0 * (double)every_ms;
    if (ceiling > LONGEST_PAUSE_MS)
        ceiling = LONGEST_PAUSE_MS;
    double top = FIRST_PAUSE_MS;
    if (top > (double)every_ms)
        top = (double)every_ms;
    for (unsigned i = 1; i < failures && top < ceiling; i++)
        top *= 2;
    if (top > ceiling)
        top = ceiling;
    /* Between half and all of it would be polite too, but then agents stay in step. */
    double pause = top * random;
    double least = (double)every_ms < 100 ? (double)every_ms : 100;
    return (uint64_t)(pause > least ? pause : least);
}

/* Of `once`: this duty is done; with a connect that failed, so are all that it holds. */
static void count_asked(struct duty *duty)
{
    struct target *target = duty->target;
    struct schedule *schedule = target->schedule;
    if (duty->asked_once)
        return;
    duty->asked_once = true;
    if (schedule->left && --schedule->left == 0)
        schedule->on_all_asked(schedule->data);
    if (duty == target->connect && target->down)
        for (size_t i = 0; i < target->duty_count; i++)
            count_asked(&target->duties[i]);
}

void schedule_next(struct duty *duty, enum probe_failure failure, int64_t retry_ms)
{
    struct schedule *schedule = duty->target->schedule;
    uint64_t now = loop_now_us(schedule->loop), every_us;
    if (schedule->closing || duty->target->resting)
        return;
    if (schedule->driven) {
        duty->failures = failure ? duty->failures + 1 : 0;
        return;
    }
    if (schedule->once) {
        count_asked(duty);
        return;
    }
    if (retry_ms < 0 || retry_ms > LONGEST_RETRY_MS) /* what a server asked for, whatever it was */
        retry_ms = retry_ms < 0 ? 0 : LONGEST_RETRY_MS;
    every_us = (uint64_t)duty->config->every_ms * 1000u;
    duty->failures = failure ? duty->failures + 1 : 0;
    if (failure == PROBE_INAPPLICABLE) {
        uint64_t seldom = 10 * every_us;
        set_due(duty, now + (seldom > INAPPLICABLE_MS * 1000u ? seldom : INAPPLICABLE_MS * 1000u));
    } else if (failure) {
        uint64_t pause =
            schedule_pause_ms(duty->config->every_ms, duty->failures, random_share(schedule));
        if ((uint64_t)retry_ms > pause)
            pause = (uint64_t)retry_ms;
        set_due(duty, now + pause * 1000u);
    } else {
        uint64_t after = now + (uint64_t)retry_ms * 1000u;
        uint64_t missed = after > duty->due_us ? (after - duty->due_us) / every_us : 0;
        set_due(duty, duty->due_us + (missed + 1) * every_us);
    }
}

void schedule_remember(struct schedule *schedule)
{
    struct target *target;
    list_for_each(target, &schedule->targets, struct target, link) {
        target_remember(target);
    }
}

struct schedule_stats schedule_take_stats(struct schedule *schedule)
{
    struct schedule_stats stats = schedule->stats;
    struct target *target;
    stats.running = schedule->running;
    stats.waiting = 0;
    list_for_each(target, &schedule->targets, struct target, link) {
        for (const struct list *link = target->queue.next; link != &target->queue;
             link = link->next)
            stats.waiting++;
    }
    schedule->stats = (struct schedule_stats){0};
    return stats;
}
