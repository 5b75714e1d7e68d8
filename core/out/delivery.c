#include "out/delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "io/loop.h"
#include "io/wait.h"

enum {
    DOWN_AFTER_MS = 10000,
    SAID_EVERY_MS = 5 * 60 * 1000,
    MOST_REFUSED_IN_A_ROW = 8, /* single events; then each one costs a pause */
    LONGEST_AFTER_MS = 60 * 60 * 1000,
    SAY_DROPPED_EVERY_MS = 10000
};

struct delivery {
    struct loop *loop;
    struct bus *bus;
    struct spool *spool;
    const struct config_sink *sink;
    const struct sink_type *type;
    void *self;
    struct queue *queue;
    struct receipts *receipts;
    queue_disk_fn *disk;
    void *data;
    struct queue_parcel parcel;
    struct timer next; /* look again: a batch is old enough, a pause is over */
    bool carrying, pausing, hurried;
    bool asked;      /* the pause is the receiver's wish */
    size_t suspects; /* events from the oldest on, among which something is refused */
    size_t most;     /* of them at a time */
    size_t most_bytes;
    unsigned refused; /* single events, one after the other */
    unsigned failures;
    uint64_t carried_us, failing_since_us, down_said_us;
    bool down, down_said;
    char why[256];
    uint64_t deaf_to; /* the seq of an event about this very sink */
    uint64_t taken, aside, retries;
    uint64_t aside_unsaid, dropped_said, dropped_said_us;
};

static void look(struct delivery *delivery);

static const struct sink_type *type_of(const struct config_sink *sink)
{
    return (const struct sink_type *)(const void *)sink->type; /* its first member */
}

/* ---------------------------------------------------------------- saying ---- */

static void write_sink(struct writer *writer, void *data)
{
    const struct delivery *delivery = data;
    struct queue_sum waiting = queue_waiting(delivery->queue);
    writer_string(writer, "sink", delivery->sink->name);
    writer_int(writer, "waiting", (int64_t)waiting.events);
    if (*delivery->why)
        writer_string(writer, "error", delivery->why);
    if (delivery->aside_unsaid)
        writer_int(writer, "quarantined", (int64_t)delivery->aside_unsaid);
}

/* To all but the sink itself. */
static void say(struct delivery *delivery, enum log_level level, const char *step,
                const char *message)
{
    delivery->deaf_to = bus_count(delivery->bus) + 1;
    (void)event_emit_agent(
        delivery->bus, level, step, message, loop_wall_ms(delivery->loop), write_sink, delivery);
}

static void say_down(struct delivery *delivery)
{
    uint64_t now = loop_now_us(delivery->loop);
    bool lately =
        delivery->down_said_us && now - delivery->down_said_us < (uint64_t)SAID_EVERY_MS * 1000;
    delivery->down = true;
    if (now - delivery->failing_since_us < (uint64_t)DOWN_AFTER_MS * 1000 || lately ||
        delivery->down_said)
        return;
    MEM_AUTO char *message = mem_print("sink %s takes nothing: %s; %" PRIu64 " events wait",
                                       delivery->sink->name,
                                       delivery->why,
                                       queue_waiting(delivery->queue).events);
    delivery->down_said = true;
    delivery->down_said_us = now;
    say(delivery, LOG_ERROR, "sink_down", message);
}

static void say_up(struct delivery *delivery)
{
    char since[UNITS_DURATION_LEN];
    bool said = delivery->down_said;
    delivery->down = delivery->down_said = false;
    *delivery->why = '\0';
    if (!said)
        return;
    units_print_duration((int64_t)(loop_now_us(delivery->loop) - delivery->failing_since_us) / 1000,
                         since);
    MEM_AUTO char *message = mem_print("sink %s takes events again, after %s; %" PRIu64 " wait",
                                       delivery->sink->name,
                                       since,
                                       queue_waiting(delivery->queue).events);
    say(delivery, LOG_INFO, "sink_up", message);
}

static void say_aside(struct delivery *delivery)
{
    if (delivery->aside_unsaid == 0)
        return;
    MEM_AUTO char *message = mem_print("sink %s refused %" PRIu64 " %s, set aside: %s",
                                       delivery->sink->name,
                                       delivery->aside_unsaid,
                                       delivery->aside_unsaid == 1 ? "event" : "events",
                                       delivery->why);
    say(delivery, LOG_WARN, "sink_quarantined", message);
    delivery->aside_unsaid = 0;
}

static void write_dropped(struct writer *writer, void *data)
{
    const struct delivery *delivery = data;
    writer_string(writer, "sink", delivery->sink->name);
    writer_int(
        writer, "dropped", (int64_t)(queue_dropped(delivery->queue) - delivery->dropped_said));
}

/* The receiver is to know as well: this goes through the sink. */
static void say_dropped(struct delivery *delivery)
{
    uint64_t dropped = queue_dropped(delivery->queue), now = loop_now_us(delivery->loop);
    uint64_t news = dropped - delivery->dropped_said;
    bool lately = delivery->dropped_said_us &&
                  now - delivery->dropped_said_us < (uint64_t)SAY_DROPPED_EVERY_MS * 1000;
    if (news == 0 || (lately && !delivery->hurried))
        return;
    MEM_AUTO char *message =
        mem_print("%" PRIu64 " %s dropped: sink %s could not keep what waited for it",
                  news,
                  news == 1 ? "event was" : "events were",
                  delivery->sink->name);
    (void)event_emit_agent(delivery->bus,
                           LOG_WARN,
                           "dropped",
                           message,
                           loop_wall_ms(delivery->loop),
                           write_dropped,
                           delivery);
    delivery->dropped_said = dropped;
    delivery->dropped_said_us = now;
}

/* --------------------------------------------------------------- answers ---- */

static void remember_why(struct delivery *delivery, const char *message)
{
    (void)snprintf(
        delivery->why, sizeof(delivery->why), "%s", message ? message : "no reason given");
}

static void on_pause_over(void *data)
{
    struct delivery *delivery = data;
    delivery->pausing = false;
    look(delivery);
}

/* Full jitter: anything below the ceiling; what the receiver asked for comes on top. */
static void hold_off(struct delivery *delivery, int64_t after_ms)
{
    const struct config_queue *queue = &delivery->sink->queue;
    int64_t ceiling = queue->retry_first_ms;
    uint32_t random = 0;
    for (unsigned i = 1; i < delivery->failures && ceiling < queue->retry_most_ms; i++)
        ceiling *= 2;
    if (ceiling > queue->retry_most_ms)
        ceiling = queue->retry_most_ms;
    if (after_ms > LONGEST_AFTER_MS)
        after_ms = LONGEST_AFTER_MS;
    if (getrandom(&random, sizeof(random), 0) < 0)
        random = UINT32_MAX / 2; /* which cannot be: never without a pause */
    uint64_t ms = (uint64_t)after_ms + (uint64_t)random % (uint64_t)(ceiling + 1);
    delivery->pausing = true;
    delivery->asked = after_ms > 0;
    timer_start(&delivery->next, delivery->loop, ms, on_pause_over, delivery);
}

static void fail(struct delivery *delivery, const struct sink_answer *answer)
{
    if (delivery->failures++ == 0)
        delivery->failing_since_us = delivery->carried_us; /* it may have hung until now */
    delivery->retries++;
    remember_why(delivery, answer->message);
    receipts_trouble(delivery->receipts, delivery->sink->name, delivery->why);
    log_warn("sink %s: %s; it is tried again", delivery->sink->name, delivery->why);
    say_down(delivery);
    hold_off(delivery, answer->after_ms);
}

static void leave(struct delivery *delivery, size_t count)
{
    queue_taken_off(delivery->queue, &delivery->parcel);
    delivery->suspects -= count < delivery->suspects ? count : delivery->suspects;
    delivery->most = delivery->suspects ? delivery->most * 2 : 0;
}

static void succeed(struct delivery *delivery, const struct sink_answer *answer)
{
    const struct sink_parcel *parcel = &delivery->parcel.face;
    size_t count = parcel->count;
    receipts_taken(
        delivery->receipts, delivery->sink->name, parcel->lines, parcel->len, answer->lost);
    leave(delivery, count);
    delivery->taken += count - (answer->lost < count ? answer->lost : count);
    delivery->refused = 0;
    if (answer->lost) {
        delivery->aside += answer->lost;
        delivery->aside_unsaid += answer->lost;
        remember_why(delivery, answer->message);
    }
    say_aside(delivery);
    say_up(delivery);
    delivery->failures = 0;
    say_dropped(delivery);
}

/* One event that nobody takes. */
static void set_aside(struct delivery *delivery)
{
    const struct sink_parcel *parcel = &delivery->parcel.face;
    if (delivery->spool)
        spool_set_aside(delivery->spool,
                        delivery->sink->name,
                        loop_wall_ms(delivery->loop),
                        delivery->why,
                        parcel->lines,
                        parcel->len);
    log_warn(
        "sink %s refused an event, which is set aside: %s", delivery->sink->name, delivery->why);
    receipts_refused(
        delivery->receipts, delivery->sink->name, parcel->lines, parcel->len, delivery->why);
    leave(delivery, 1);
    delivery->aside++;
    delivery->aside_unsaid++;
}

static void refuse(struct delivery *delivery, const struct sink_answer *answer)
{
    size_t count = delivery->parcel.face.count;
    remember_why(delivery, answer->message);
    if (count > 1) {
        queue_put_back(delivery->queue);
        if (delivery->suspects < count)
            delivery->suspects = count;
        delivery->most = count / 2;
        if (answer->verdict == SINK_TOO_BIG)
            delivery->most_bytes = delivery->parcel.face.len / 2;
        return;
    }
    set_aside(delivery);
    if (++delivery->refused < MOST_REFUSED_IN_A_ROW)
        return;
    if (delivery->failures++ == 0)
        delivery->failing_since_us = loop_now_us(delivery->loop);
    say_down(delivery);
    say_aside(delivery);
    hold_off(delivery, 0);
}

static void on_carried(const struct sink_answer *answer, void *data)
{
    struct delivery *delivery = data;
    delivery->carrying = false;
    switch (answer->verdict) {
    case SINK_TAKEN:
        succeed(delivery, answer);
        break;
    case SINK_LATER:
        queue_put_back(delivery->queue);
        fail(delivery, answer);
        break;
    case SINK_REFUSED:
    case SINK_TOO_BIG:
        refuse(delivery, answer);
        break;
    }
    queue_parcel_finish(&delivery->parcel);
    look(delivery);
}

/* --------------------------------------------------------------- looking ---- */

/* Milliseconds until a batch is old enough; zero: it is time. */
static int64_t time_left(const struct delivery *delivery)
{
    const struct config_queue *bounds = &delivery->sink->queue;
    struct queue_sum waiting = queue_waiting(delivery->queue);
    int64_t age = loop_wall_ms(delivery->loop) - waiting.oldest_ms;
    if (delivery->hurried || delivery->suspects || delivery->failures ||
        waiting.events >= (uint64_t)bounds->batch_count ||
        waiting.bytes >= (uint64_t)bounds->batch_bytes || age < 0 || age >= bounds->batch_age_ms ||
        receipts_wanted(delivery->receipts, delivery->sink->name))
        return 0;
    return bounds->batch_age_ms - age;
}

static void on_next(void *data)
{
    look(data);
}

static void look(struct delivery *delivery)
{
    const struct config_queue *bounds = &delivery->sink->queue;
    if (delivery->carrying || delivery->pausing || queue_waiting(delivery->queue).events == 0)
        return;
    int64_t left = time_left(delivery);
    if (left > 0) {
        timer_start(&delivery->next, delivery->loop, (uint64_t)left, on_next, delivery);
        return;
    }
    size_t count = delivery->most ? delivery->most : (size_t)bounds->batch_count;
    size_t bytes = delivery->most_bytes && delivery->most_bytes < (size_t)bounds->batch_bytes
                       ? delivery->most_bytes
                       : (size_t)bounds->batch_bytes;
    if (!queue_take(delivery->queue, count, bytes, &delivery->parcel))
        return; /* on_changed() comes */
    delivery->carrying = true;
    delivery->carried_us = loop_now_us(delivery->loop);
    timer_stop(&delivery->next);
    delivery->type->carry(delivery->self, &delivery->parcel.face, on_carried, delivery);
}

static void on_changed(void *data)
{
    look(data);
}

static void on_disk(int status, void *data)
{
    struct delivery *delivery = data;
    delivery->disk(status, delivery->data);
}

static void add(struct delivery *delivery, const char *line, size_t len)
{
    queue_add(delivery->queue, line, len);
    if (!delivery->carrying && !delivery->pausing && !timer_pending(&delivery->next))
        timer_start(&delivery->next, delivery->loop, 0, on_next, delivery);
    else if (!delivery->pausing && timer_pending(&delivery->next) && time_left(delivery) == 0)
        timer_start(&delivery->next, delivery->loop, 0, on_next, delivery);
}

void delivery_hear(struct delivery *delivery, const struct event *event)
{
    if (event->seq != delivery->deaf_to)
        add(delivery, event->json, event->len);
}

void delivery_resend(struct delivery *delivery, const char *line, size_t len)
{
    add(delivery, line, len);
}

/* ------------------------------------------------------------------ whole ---- */

static void open_type(struct delivery *delivery)
{
    const struct sink_place place = {
        .loop = delivery->loop,
        .bus = delivery->bus,
        .name = delivery->sink->name,
        .config = delivery->sink->config,
    };
    delivery->type = type_of(delivery->sink);
    delivery->self = delivery->type->open(&place);
}

struct delivery *delivery_open(const struct delivery_wish *wish)
{
    struct delivery *delivery = mem_new(sizeof(*delivery));
    *delivery = (struct delivery){
        .loop = wish->loop,
        .bus = wish->bus,
        .spool = wish->spool,
        .sink = wish->sink,
        .receipts = wish->receipts,
        .disk = wish->disk,
        .data = wish->data,
    };
    open_type(delivery);
    delivery->queue = queue_create(&(const struct queue_wish){
        .loop = wish->loop,
        .spool = wish->spool,
        .sink = wish->sink->name,
        .bounds = &wish->sink->queue,
        .changed = on_changed,
        .disk = on_disk,
        .data = delivery,
    });
    return delivery;
}

void delivery_change(struct delivery *delivery, const struct config_sink *sink)
{
    delivery->type->close(delivery->self);
    if (delivery->carrying)
        queue_put_back(delivery->queue);
    queue_parcel_finish(&delivery->parcel);
    timer_stop(&delivery->next);
    delivery->carrying = delivery->pausing = false;
    delivery->failures = delivery->refused = 0;
    delivery->suspects = delivery->most = delivery->most_bytes = 0;
    delivery->sink = sink;
    open_type(delivery);
    queue_set_bounds(delivery->queue, &sink->queue);
    timer_start(&delivery->next, delivery->loop, 0, on_next, delivery);
}

void delivery_reopen(struct delivery *delivery)
{
    if (delivery->type->reopen)
        delivery->type->reopen(delivery->self);
}

void delivery_hurry(struct delivery *delivery)
{
    delivery->hurried = true;
    delivery_expedite(delivery);
}

void delivery_expedite(struct delivery *delivery)
{
    if (delivery->asked && delivery->pausing)
        return;
    timer_stop(&delivery->next);
    delivery->pausing = false;
    look(delivery);
}

bool delivery_is_idle(const struct delivery *delivery)
{
    return !delivery->carrying && queue_waiting(delivery->queue).events == 0;
}

bool delivery_is_safe(const struct delivery *delivery)
{
    return queue_unsafe(delivery->queue) == 0;
}

void delivery_count(const struct delivery *delivery, struct sink_counts *ret_counts)
{
    struct queue_sum waiting = queue_waiting(delivery->queue);
    *ret_counts = (struct sink_counts){
        .taken = delivery->taken,
        .dropped = queue_dropped(delivery->queue),
        .aside = delivery->aside,
        .retries = delivery->retries,
        .waiting = waiting.events,
        .waiting_bytes = waiting.bytes,
        .in_memory = queue_unsafe(delivery->queue),
        .down = delivery->down,
    };
}

uint64_t delivery_close(struct delivery *delivery, bool drop)
{
    delivery->type->close(delivery->self);
    timer_stop(&delivery->next);
    queue_parcel_finish(&delivery->parcel);
    uint64_t lost = drop ? queue_waiting(delivery->queue).events : queue_unsafe(delivery->queue);
    if (drop)
        queue_drop_all(delivery->queue);
    queue_close(delivery->queue);
    free(delivery);
    return lost;
}
