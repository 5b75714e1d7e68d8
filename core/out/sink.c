#include "out/sink.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "io/loop.h"
#include "io/wait.h"
#include "out/delivery.h"
#include "out/only.h"
#include "out/receipts.h"

enum { LOOK_MS = 20, SAFE_MS = 2000, STRANGERS_MS = 10 * 60 * 1000 };

/* A sink at work. */
struct sink {
    struct list link;
    const struct config_sink *written; /* points into `config` ... */
    struct config *config;             /* ... which is held */
    struct delivery *delivery;         /* NULL: it has no queue ... */
    void *self;                        /* ... but this */
    bool leaving;                      /* no longer configured: it brings away what waits */
    uint64_t leaves_us;                /* until then */
};

struct sinks {
    struct loop *loop;
    struct bus *bus;
    struct receipts *receipts;
    struct spool *spool;
    struct error spool_error; /* why there is none */
    char *folder; /* agent.state as it was at the start, or NULL: another one waits for the next */
    struct list all;
    struct timer leaving, strangers;
    bool spool_failed;
};

static const struct sink_type *type_of(const struct sink *sink)
{
    return (const struct sink_type *)(const void *)sink->written->type;
}

/* ------------------------------------------------------------------ spool ---- */

static void say(const struct sinks *sinks, enum log_level level, const char *step,
                const char *message)
{
    (void)event_emit_agent(sinks->bus, level, step, message, loop_wall_ms(sinks->loop), NULL, NULL);
}

static void on_disk(int status, void *data)
{
    struct sinks *sinks = data;
    if (status == -EUCLEAN) {
        static const char message[] =
            "the spool was damaged: it was set aside, and begins anew; what waited on disk is lost";
        log_error("%s", message);
        say(sinks, LOG_ERROR, "spool_damaged", message);
    } else if (status < 0 && !sinks->spool_failed) {
        MEM_AUTO char *message =
            mem_print("the spool cannot be written: %s; events wait in memory until it can",
                      strerror(-status));
        sinks->spool_failed = true;
        log_error("%s", message);
        say(sinks, LOG_ERROR, "spool_failed", message);
    } else if (status == 0 && sinks->spool_failed) {
        sinks->spool_failed = false;
        say(sinks, LOG_INFO, "spool_kept", "events wait on disk again");
    }
}

static bool needs_spool(const struct config *config)
{
    for (size_t i = 0; i < config->sink_count; i++)
        if (config->sinks[i].type->queued && config->sinks[i].queue.spool_bytes)
            return true;
    return false;
}

static void open_spool(struct sinks *sinks, const struct config *config)
{
    bool damaged = false;
    if (sinks->spool || !sinks->folder || !needs_spool(config))
        return;
    sinks->spool = spool_open(sinks->loop, sinks->folder, &damaged, &sinks->spool_error);
    if (damaged)
        on_disk(-EUCLEAN, sinks);
    if (sinks->spool)
        return;
    MEM_AUTO char *message =
        mem_print("events wait in memory alone: %s", sinks->spool_error.message);
    log_error("%s", message);
    say(sinks, LOG_ERROR, "spool_failed", message);
}

/* ----------------------------------------------------------------- events ---- */

/* What `only` keeps out for its status or level, where that may be the end of what was told. */
static void hear_out(struct sink *sink, const struct event *event)
{
    const struct sink_type *type = type_of(sink);
    const struct event_finding *finding = event->finding;
    bool over =
        event->kind == EVENT_REMEDIATION || (finding && finding->report->status == PROBE_OK);
    if ((!type->over && !(type->ends && over)) ||
        !only_fits_but_for_grade(&sink->written->only, event))
        return;
    if (sink->delivery)
        delivery_hear(sink->delivery, event);
    else if (type->over)
        type->over(sink->self, event);
}

static void on_event(const struct event *event, void *data)
{
    const struct sinks *sinks = data;
    struct sink *sink;
    list_for_each(sink, &sinks->all, struct sink, link) {
        if (sink->leaving)
            continue;
        if (!only_wants(sink->written, event))
            hear_out(sink, event);
        else if (sink->delivery)
            delivery_hear(sink->delivery, event);
        else
            type_of(sink)->hear(sink->self, event);
    }
}

/* ------------------------------------------------------------ open, close ---- */

static void begin(struct sinks *sinks, struct config *config, const struct config_sink *written)
{
    struct sink *sink = mem_new(sizeof(*sink));
    sink->written = written;
    sink->config = config_hold(config);
    if (written->type->queued) {
        sink->delivery = delivery_open(&(const struct delivery_wish){
            .loop = sinks->loop,
            .bus = sinks->bus,
            .spool = sinks->spool,
            .sink = written,
            .receipts = sinks->receipts,
            .disk = on_disk,
            .data = sinks,
        });
    } else {
        sink->self = type_of(sink)->open(&(const struct sink_place){.loop = sinks->loop,
                                                                    .bus = sinks->bus,
                                                                    .name = written->name,
                                                                    .config = written->config});
    }
    list_add(&sinks->all, &sink->link);
}

/* What the next start finds, and what it does not. */
static void log_left(const struct sink *sink)
{
    char given[UNITS_DURATION_LEN];
    struct sink_counts counts;
    if (!sink->delivery)
        return;
    delivery_count(sink->delivery, &counts);
    if (counts.waiting == 0)
        return;
    units_print_duration(sink->written->queue.deliver_ms, given);
    log_warn("sink %s has not taken %" PRIu64
             " event%s within %s: on disk for the next start %" PRIu64 ", lost %" PRIu64,
             sink->written->name,
             counts.waiting,
             units_s((int64_t)counts.waiting),
             given,
             counts.waiting - counts.in_memory,
             counts.in_memory);
}

/* Returns how many events are lost. */
static uint64_t end(struct sink *sink, bool drop)
{
    uint64_t lost = 0;
    if (sink->delivery)
        lost = delivery_close(sink->delivery, drop);
    else
        type_of(sink)->close(sink->self);
    list_remove(&sink->link);
    config_destroy(sink->config);
    free(sink);
    return lost;
}

static bool is_idle(const struct sink *sink)
{
    if (sink->delivery)
        return delivery_is_idle(sink->delivery);
    const struct sink_type *type = type_of(sink);
    return !type->idle || type->idle(sink->self);
}

static int64_t time_to_deliver(const struct sink *sink)
{
    enum { WITHOUT_A_QUEUE_MS = 5000 };
    return sink->written->type->queued ? sink->written->queue.deliver_ms : WITHOUT_A_QUEUE_MS;
}

/* ----------------------------------------------------------------- reload ---- */

static void on_leaving(void *data)
{
    struct sinks *sinks = data;
    struct sink *sink;
    bool more = false;
    list_for_each(sink, &sinks->all, struct sink, link) {
        if (!sink->leaving)
            continue;
        if (!is_idle(sink) && loop_now_us(sinks->loop) < sink->leaves_us) {
            more = true;
            continue;
        }
        MEM_AUTO char *name = mem_copy(sink->written->name);
        uint64_t lost = end(sink, true);
        MEM_AUTO char *message =
            lost ? mem_print("sink %s was removed; %" PRIu64
                             " events that waited for it are dropped",
                             name,
                             lost)
                 : mem_print("sink %s was removed; all that waited for it was delivered", name);
        say(sinks, lost ? LOG_WARN : LOG_INFO, "sink_removed", message);
    }
    if (more)
        timer_start(&sinks->leaving, sinks->loop, LOOK_MS, on_leaving, sinks);
}

static void dismiss(struct sinks *sinks, struct sink *sink)
{
    sink->leaving = true;
    sink->leaves_us = loop_now_us(sinks->loop) + (uint64_t)time_to_deliver(sink) * 1000;
    if (sink->delivery)
        delivery_hurry(sink->delivery);
    timer_start(&sinks->leaving, sinks->loop, 0, on_leaving, sinks);
}

static const struct config_sink *find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->sink_count; i++)
        if (strcmp(config->sinks[i].name, name) == 0)
            return &config->sinks[i];
    return NULL;
}

static struct sink *find_at_work(struct sinks *sinks, const char *name)
{
    struct sink *sink;
    list_for_each(sink, &sinks->all, struct sink, link)
        if (strcmp(sink->written->name, name) == 0)
            return sink;
    return NULL;
}

/* The same sink, otherwise than before: what waits for it waits on. */
static void change(struct sinks *sinks, struct sink *sink, struct config *config,
                   const struct config_sink *written)
{
    struct config *old = sink->config;
    if (!sink->delivery || !written->type->queued ||
        (written->queue.spool_bytes == 0) != (sink->written->queue.spool_bytes == 0)) {
        (void)end(sink, false);
        begin(sinks, config, written);
        return;
    }
    sink->config = config_hold(config);
    sink->written = written;
    sink->leaving = false;
    delivery_change(sink->delivery, written);
    config_destroy(old);
}

void sinks_take_over(struct sinks *sinks, struct config *config)
{
    struct sink *sink;
    open_spool(sinks, config);
    list_for_each(sink, &sinks->all, struct sink, link) {
        const struct config_sink *now = find(config, sink->written->name);
        if (!now && !sink->leaving)
            dismiss(sinks, sink);
        else if (now && (sink->leaving || strcmp(now->digest, sink->written->digest) != 0))
            change(sinks, sink, config, now);
    }
    for (size_t i = 0; i < config->sink_count; i++)
        if (!find_at_work(sinks, config->sinks[i].name))
            begin(sinks, config, &config->sinks[i]);
}

void sinks_reopen(struct sinks *sinks)
{
    struct sink *sink;
    list_for_each(sink, &sinks->all, struct sink, link)
        if (sink->delivery)
            delivery_reopen(sink->delivery);
        else if (type_of(sink)->reopen)
            type_of(sink)->reopen(sink->self);
}

/* -------------------------------------------------------------- strangers ---- */

static void look_for_strangers(void *data);

static void on_strangers(int status, const struct spool_sum *sum, void *data)
{
    struct sinks *sinks = data;
    if (status == 0 && sum->events) {
        MEM_AUTO char *message = mem_print(
            "%" PRIu64 " events are dropped that waited for sinks which are no longer configured",
            sum->events);
        say(sinks, LOG_WARN, "sink_removed", message);
    }
}

/* What waits for a sink that a configuration no longer names, as after a mistake, waits for days. */
static void look_for_strangers(void *data)
{
    enum { OLD_MS = 3 * 24 * 3600 * 1000 };
    struct sinks *sinks = data;
    struct sink *sink;
    size_t count = 0;
    timer_start(&sinks->strangers, sinks->loop, STRANGERS_MS, look_for_strangers, sinks);
    if (!sinks->spool)
        return;
    list_for_each(sink, &sinks->all, struct sink, link)
        count++;
    MEM_AUTO const char **names = mem_array(count + 1, sizeof(*names));
    count = 0;
    list_for_each(sink, &sinks->all, struct sink, link)
        names[count++] = sink->written->name;
    spool_forget_strangers(
        sinks->spool, names, loop_wall_ms(sinks->loop) - OLD_MS, on_strangers, sinks);
}

/* ------------------------------------------------------------------- whole ---- */

struct sinks *sinks_open(struct loop *loop, struct bus *bus, struct config *config)
{
    struct sinks *sinks = mem_new(sizeof(*sinks));
    *sinks = (struct sinks){.loop = loop, .bus = bus, .folder = mem_copy(config->agent.state)};
    list_init(&sinks->all);
    sinks->receipts = receipts_create(loop, bus_boot(bus));
    bus_subscribe(bus, on_event, sinks);
    sinks_take_over(sinks, config);
    timer_start(&sinks->strangers, loop, STRANGERS_MS, look_for_strangers, sinks);
    return sinks;
}

void sinks_ask(struct sinks *sinks, const char *name, uint64_t seq, int64_t wait_ms,
               sinks_taken_fn *fn, void *data)
{
    struct sink *sink = find_at_work(sinks, name);
    receipts_ask(sinks->receipts, name, seq, wait_ms, fn, data);
    if (sink && sink->delivery && !sink->leaving)
        delivery_expedite(sink->delivery);
    else
        receipts_no_sink(sinks->receipts, name);
}

void sinks_forget(struct sinks *sinks, const void *data)
{
    receipts_forget(sinks->receipts, data);
}

void sinks_each(const struct sinks *sinks, sinks_each_fn *fn, void *data)
{
    struct sink *sink;
    list_for_each(sink, &sinks->all, struct sink, link) {
        struct sink_counts counts;
        if (!sink->delivery)
            continue;
        delivery_count(sink->delivery, &counts);
        counts.kept_aside = sinks->spool ? spool_count_aside(sinks->spool, sink->written->name) : 0;
        fn(sink->written->name, &counts, data);
    }
}

static void write_counts(const char *name, const struct sink_counts *counts, void *data)
{
    struct writer *writer = data;
    writer_object(writer, name);
    writer_bool(writer, "down", counts->down);
    writer_int(writer, "taken", (int64_t)counts->taken);
    writer_int(writer, "waiting", (int64_t)counts->waiting);
    writer_int(writer, "dropped", (int64_t)counts->dropped);
    writer_int(writer, "quarantined", (int64_t)counts->aside);
    writer_int(writer, "retries", (int64_t)counts->retries);
    writer_end(writer);
}

void sinks_write(const struct sinks *sinks, struct writer *writer)
{
    if (list_empty(&sinks->all))
        return;
    writer_object(writer, "sinks");
    sinks_each(sinks, write_counts, writer);
    writer_end(writer);
}

struct spool *sinks_spool(const struct sinks *sinks)
{
    return sinks->spool;
}

bool sinks_resend(struct sinks *sinks, const char *name, const char *line, size_t len)
{
    struct sink *sink = find_at_work(sinks, name);
    if (!sink || !sink->delivery || sink->leaving)
        return false;
    delivery_resend(sink->delivery, line, len);
    return true;
}

bool sinks_is_safe(struct sinks *sinks, const char *name)
{
    struct sink *sink = find_at_work(sinks, name);
    return !sink || !sink->delivery || delivery_is_safe(sink->delivery);
}

/* The agent's end, while it is waited for. */
struct parting {
    struct sinks *sinks;
    struct timer look;
    uint64_t until_us; /* everything is on disk, or never will be */
    bool done;
};

static void on_parting(void *data)
{
    struct parting *parting = data;
    uint64_t now = loop_now_us(parting->sinks->loop);
    struct sink *sink;
    bool all = true;
    list_for_each(sink, &parting->sinks->all, struct sink, link) {
        bool idle = is_idle(sink) || now >= sink->leaves_us;
        bool safe = !sink->delivery || delivery_is_safe(sink->delivery);
        all = all && idle && (safe || now >= parting->until_us);
    }
    parting->done = all;
    if (!all)
        timer_start(&parting->look, parting->sinks->loop, LOOK_MS, on_parting, parting);
}

static void wait_for_all(struct sinks *sinks)
{
    struct parting parting = {.sinks = sinks};
    struct sink *sink;
    uint64_t now = loop_now_us(sinks->loop), most = now;
    list_for_each(sink, &sinks->all, struct sink, link) {
        sink->leaves_us = now + (uint64_t)time_to_deliver(sink) * 1000;
        most = sink->leaves_us > most ? sink->leaves_us : most;
        if (sink->delivery)
            delivery_hurry(sink->delivery);
    }
    parting.until_us = sinks->spool ? most + (uint64_t)SAFE_MS * 1000 : now;
    on_parting(&parting);
    (void)loop_run_until(sinks->loop, &parting.done, (most - now) / 1000 + SAFE_MS);
    timer_stop(&parting.look);
}

void sinks_close(struct sinks *sinks)
{
    const struct sink *sink;
    uint64_t lost = 0;
    if (!sinks)
        return;
    bus_unsubscribe(sinks->bus, on_event, sinks);
    timer_stop(&sinks->leaving);
    timer_stop(&sinks->strangers);
    wait_for_all(sinks);
    list_for_each(sink, &sinks->all, struct sink, link)
        log_left(sink);
    while (!list_empty(&sinks->all))
        lost += end(list_first(&sinks->all, struct sink, link), false);
    spool_close(sinks->spool, SAFE_MS);
    if (lost)
        log_error("%" PRIu64 " events were lost: neither delivered nor on disk", lost);
    receipts_destroy(sinks->receipts);
    free(sinks->folder);
    free(sinks);
}
