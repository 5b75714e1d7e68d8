#include "incident/lease_parts.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "io/loop.h"
#include "probe/schedule.h"

enum { FIRST_WITHIN_MS = 500 };

static void ask(struct lease *lease);

/* ---------------------------------------------------------------- says ---- */

struct saying {
    const struct lease *lease;
    int64_t token;
    const char *holder, *hint;
};

static void write_saying(struct writer *writer, void *data)
{
    const struct saying *saying = data;
    writer_string(writer, "lease_target", saying->lease->target);
    if (saying->token)
        writer_int(writer, "lease_token", saying->token);
    if (saying->holder)
        writer_string(writer, "lease_holder", saying->holder);
    if (saying->hint)
        writer_string(writer, "hint", saying->hint);
}

static void say(struct saying saying, enum log_level level, const char *step, const char *message)
{
    const struct lease *lease = saying.lease;
    (void)event_emit_agent(
        lease->bus, level, step, message, loop_wall_ms(lease->loop), write_saying, &saying);
}

static void tell(struct lease *lease, bool held)
{
    for (size_t i = 0; i < lease->watcher_count; i++)
        lease->watchers[i].fn(held, lease->watchers[i].data);
}

/* ---------------------------------------------------------------- time ---- */

/* In [0, 1): only different in each agent. */
static double random_share(struct lease *lease)
{
    uint64_t x = lease->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    lease->random = x;
    return (double)((x * 2685821657736338717u) >> 11) / 9007199254740992.0;
}

static void on_poll(void *data)
{
    ask(data);
}

static void poll_in(struct lease *lease, uint64_t ms)
{
    timer_start(&lease->poll, lease->loop, ms, on_poll, lease);
}

/* When a standby asks again: once the holder's time would be over, or up to half of it later. */
static void stand_by(struct lease *lease, int64_t left_ms)
{
    int64_t least = lease->ttl_ms / 10;
    left_ms = left_ms > lease->ttl_ms ? lease->ttl_ms : left_ms;
    left_ms = left_ms < least ? least : left_ms;
    poll_in(lease, (uint64_t)left_ms + (uint64_t)(random_share(lease) * (double)lease->ttl_ms / 2));
}

static uint64_t end_of(const struct lease *lease, uint64_t asked_us)
{
    return asked_us + (uint64_t)lease->ttl_ms * 900u; /* 9/10 of it, in microseconds */
}

bool lease_held(const struct lease *lease, int64_t *ret_token)
{
    bool held = lease && lease->state == LEASE_HELD && loop_now_us(lease->loop) < lease->until_us;
    if (held && ret_token)
        *ret_token = lease->token;
    return held;
}

/* ------------------------------------------------------------- changes ---- */

/* It is over: what is done from now on is done by another. */
void lease_lose(struct lease *lease, const char *why)
{
    if (lease->state != LEASE_HELD)
        return;
    int64_t token = lease->token;
    lease->state = LEASE_SEEKING;
    lease->token = 0;
    timer_stop(&lease->over);
    MEM_AUTO char *message = mem_print(
        "the lease is lost: %s; what is of cluster scope is left to whoever takes it", why);
    log_warn("%s", message);
    tell(lease, false);
    say((struct saying){lease, .token = token, .holder = lease->holder},
        LOG_WARN,
        "lease_lost",
        message);
    stand_by(lease, 0);
}

static void on_over(void *data)
{
    lease_lose(data, "it could not be renewed in time");
}

static void expect_end(struct lease *lease, uint64_t until_us)
{
    uint64_t now = loop_now_us(lease->loop);
    lease->until_us = until_us;
    timer_start_us(&lease->over, lease->loop, until_us > now ? until_us - now : 0, on_over, lease);
}

static void hold(struct lease *lease, const struct keeper_answer *answer)
{
    lease->state = LEASE_HELD;
    lease->token = answer->token;
    free(lease->holder);
    lease->holder = NULL;
    expect_end(lease, end_of(lease, answer->asked_us));
    MEM_AUTO char *message =
        mem_print("this agent holds the lease of %s, token %" PRId64, lease->realm, lease->token);
    log_info("%s", message);
    say((struct saying){lease, .token = lease->token}, LOG_INFO, "lease_taken", message);
    tell(lease, true);
}

static bool differ(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) != 0 : a != b;
}

/* Another one has it. */
static void learn_holder(struct lease *lease, const struct keeper_answer *answer)
{
    bool news = lease->state != LEASE_STANDBY || differ(lease->holder, answer->holder);
    lease->state = LEASE_STANDBY;
    if (!news)
        return;
    free(lease->holder);
    lease->holder = mem_copy(answer->holder);
    MEM_AUTO char *message =
        answer->holder
            ? mem_print("standby: the lease of %s is held by %s", lease->realm, answer->holder)
            : mem_print("standby: the lease of %s is about to change hands", lease->realm);
    log_info("%s", message);
    say((struct saying){lease, .holder = answer->holder}, LOG_INFO, "standby", message);
}

static void say_unreachable(struct lease *lease, const struct keeper_answer *answer)
{
    if (lease->unreachable)
        return;
    lease->unreachable = true;
    MEM_AUTO char *message = mem_print("the lease of %s cannot be asked for: %s: %s",
                                       lease->realm,
                                       lease->target,
                                       answer->summary);
    log_error("%s%s%s", message, answer->hint ? ": " : "", answer->hint ? answer->hint : "");
    say((struct saying){lease, .hint = answer->hint}, LOG_ERROR, "lease_unreachable", message);
}

/* ------------------------------------------------------ taking, renewing ---- */

/* No answer, or one of no use. */
static void on_failure(struct lease *lease, const struct keeper_answer *answer)
{
    lease->failures++;
    if (lease->state == LEASE_HELD) {
        log_warn("the lease could not be renewed: %s: %s", lease->target, answer->summary);
        poll_in(lease, (uint64_t)lease->ttl_ms / 10);
        return;
    }
    say_unreachable(lease, answer);
    lease->state = LEASE_SEEKING;
    poll_in(lease, schedule_pause_ms(lease->ttl_ms, lease->failures, random_share(lease)));
}

static void on_taken(struct lease *lease, const struct keeper_answer *answer)
{
    if (!answer->held) {
        lease->holder_until_ms =
            answer->left_ms > 0 ? loop_wall_ms(lease->loop) + answer->left_ms : 0;
        learn_holder(lease, answer);
        stand_by(lease, answer->left_ms);
    } else if (loop_now_us(lease->loop) >= end_of(lease, answer->asked_us)) {
        poll_in(lease, 0); /* it took too long to hear of it: we were stopped */
    } else {
        hold(lease, answer);
        poll_in(lease, (uint64_t)lease->ttl_ms / 3);
    }
}

static void on_renewed(struct lease *lease, const struct keeper_answer *answer)
{
    uint64_t until_us = end_of(lease, answer->asked_us);
    if (!answer->held) {
        free(lease->holder);
        lease->holder = mem_copy(answer->holder);
        lease_lose(lease, answer->holder ? "another agent has it" : "its time was over");
    } else if (loop_now_us(lease->loop) >= until_us) {
        lease_lose(lease, "the answer came too late");
    } else {
        expect_end(lease, until_us);
        poll_in(lease, (uint64_t)lease->ttl_ms / 3);
    }
}

static void on_answer(const struct keeper_answer *answer, void *data)
{
    struct lease *lease = data;
    bool renewing = lease->state == LEASE_HELD;
    lease->asking = false;
    if (lease->state == LEASE_GIVEN_BACK)
        return;
    if (answer->status) {
        on_failure(lease, answer);
        return;
    }
    lease->failures = 0;
    lease->unreachable = false;
    if (renewing)
        on_renewed(lease, answer);
    else
        on_taken(lease, answer);
}

/* Where it was lost meanwhile, by the clock, that comes first. */
static void ask(struct lease *lease)
{
    if (lease->state == LEASE_HELD && !lease_held(lease, NULL))
        lease_lose(lease, "its time was over before it could be renewed");
    if (lease->asking || lease->state == LEASE_GIVEN_BACK)
        return;
    bool held = lease->state == LEASE_HELD;
    const struct probe_claim claim = {
        .what = held ? PROBE_LEASE_RENEW : PROBE_LEASE_TAKE,
        .realm = lease->realm,
        .holder = lease->name,
        .token = held ? lease->token : 0,
        .ttl_ms = lease->ttl_ms,
    };
    lease->asking = true;
    timer_stop(&lease->poll);
    keeper_ask(lease->keeper, &claim, on_answer, lease);
}

/* ----------------------------------------------------------- giving back ---- */

static void finish_release(struct lease *lease)
{
    lease_released_fn *fn = lease->released;
    timer_stop(&lease->patience);
    lease->released = NULL;
    if (fn)
        fn(lease->released_data);
}

static void on_patience(void *data)
{
    finish_release(data);
}

static void on_given_back(const struct keeper_answer *answer, void *data)
{
    struct lease *lease = data;
    if (answer->status)
        log_warn("the lease could not be given back: %s: %s", lease->target, answer->summary);
    finish_release(lease);
}

void lease_release(struct lease *lease, uint64_t ms, lease_released_fn *fn, void *data)
{
    int64_t token = 0;
    bool held = lease_held(lease, &token);
    lease->released = fn;
    lease->released_data = data;
    timer_stop(&lease->poll);
    timer_stop(&lease->over);
    timer_start(&lease->patience, lease->loop, held ? ms : 0, on_patience, lease);
    if (held) {
        tell(lease, false);
        keeper_ask(lease->keeper,
                   &(const struct probe_claim){.what = PROBE_LEASE_RELEASE,
                                               .realm = lease->realm,
                                               .holder = lease->name,
                                               .token = token,
                                               .ttl_ms = lease->ttl_ms},
                   on_given_back,
                   lease);
    }
    lease->state = LEASE_GIVEN_BACK;
}

/* ---------------------------------------------------------------- whole ---- */

struct lease *lease_create(struct loop *loop, struct bus *bus, struct config *config,
                           const char *holder, struct error *error)
{
    const struct config_lease *wanted = &config->agent.lease;
    struct keeper *keeper = keeper_create(loop, config, wanted->target, error);
    if (!keeper)
        return NULL;
    struct lease *lease = mem_new(sizeof(*lease));
    *lease = (struct lease){
        .loop = loop,
        .bus = bus,
        .keeper = keeper,
        .realm = mem_copy(config->agent.realm),
        .target = mem_copy(wanted->target->name),
        .name = mem_copy(holder),
        .ttl_ms = wanted->ttl_ms,
    };
    if (getrandom(&lease->random, sizeof(lease->random), 0) < 0 || !lease->random)
        lease->random = loop_now_us(loop) | 1u;
    list_init(&lease->requests);
    return lease;
}

void lease_destroy(struct lease *lease)
{
    if (!lease)
        return;
    timer_stop(&lease->poll);
    timer_stop(&lease->over);
    timer_stop(&lease->patience);
    keeper_destroy(lease->keeper);
    lease_drop_requests(lease);
    free(lease->realm);
    free(lease->target);
    free(lease->name);
    free(lease->holder);
    free(lease);
}

void lease_start(struct lease *lease)
{
    uint64_t within = (uint64_t)lease->ttl_ms / 4;
    within = within < FIRST_WITHIN_MS ? within : FIRST_WITHIN_MS;
    poll_in(lease, (uint64_t)(random_share(lease) * (double)within));
}

void lease_watch(struct lease *lease, lease_fn *fn, void *data)
{
    assert(lease->watcher_count < LEASE_WATCHERS);
    lease->watchers[lease->watcher_count++] = (struct watcher){fn, data};
}

void lease_unwatch(struct lease *lease, lease_fn *fn, void *data)
{
    for (size_t i = 0; i < lease->watcher_count; i++) {
        if (lease->watchers[i].fn != fn || lease->watchers[i].data != data)
            continue;
        lease->watcher_count--;
        memmove(&lease->watchers[i],
                &lease->watchers[i + 1],
                (lease->watcher_count - i) * sizeof(lease->watchers[0]));
        return;
    }
}

const char *lease_holder(const struct lease *lease)
{
    return lease_held(lease, NULL) ? lease->name : lease->holder;
}

const char *lease_name(const struct lease *lease)
{
    return lease->name;
}

int64_t lease_until_ms(const struct lease *lease)
{
    uint64_t now_us = loop_now_us(lease->loop);
    if (!lease_held(lease, NULL))
        return lease->state == LEASE_STANDBY ? lease->holder_until_ms : 0;
    return loop_wall_ms(lease->loop) + (int64_t)((lease->until_us - now_us) / 1000u);
}

void lease_write(const struct lease *lease, struct writer *writer)
{
    int64_t token;
    if (!lease)
        return;
    if (lease_held(lease, &token)) {
        writer_string(writer, "lease", "held");
        writer_int(writer, "lease_token", token);
        return;
    }
    writer_string(writer, "lease", lease->state == LEASE_STANDBY ? "standby" : "unknown");
    if (lease->holder)
        writer_string(writer, "lease_holder", lease->holder);
}
