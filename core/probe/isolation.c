#include "probe/isolation.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "io/stream.h"

enum {
    LOOK_EVERY_MS = 10000,
    LOOK_LASTS_MS = 1000, /* what has not answered by then is not reached */
    KNOWN_FOR_MS = 2000,  /* what was seen is believed so long when something fails */
    AWAITED_MS = 500
};

/* One reference address, while it is looked at. */
struct sight {
    struct isolation *isolation;
    struct op *stream;
};

struct isolation {
    struct loop *loop;
    struct bus *bus;
    void (*fn)(void *data);
    void *data;
    struct config *config; /* NULL: none yet */
    const struct config_connectivity *asks;
    size_t held; /* targets on the network */
    struct life life;
    struct timer next, limit;
    struct sight *sights;
    struct list waiting;
    unsigned answered, reaching; /* of the look under way */
    unsigned reached;            /* of the last one */
    uint64_t looked_us;          /* when that ended; zero: there was none */
    bool started, looking, isolated;
};

static void look(struct isolation *isolation);

/* --------------------------------------------------------------- saying ---- */

void isolation_write(const struct isolation *isolation, struct writer *writer)
{
    if (!isolation->started || isolation->asks->reference_count == 0 || !isolation->looked_us)
        return;
    writer_object(writer, "connectivity");
    writer_int(writer, "reached", isolation->reached);
    writer_int(writer, "of", (int64_t)isolation->asks->reference_count);
    writer_end(writer);
}

static void write_members(struct writer *writer, void *data)
{
    isolation_write(data, writer);
}

static void say(struct isolation *isolation)
{
    char message[200];
    size_t of = isolation->asks->reference_count;
    if (isolation->isolated)
        (void)snprintf(
            message,
            sizeof(message),
            "the agent is cut off: %u of %zu reference addresses answer; the findings of "
            "%zu target%s on the network are held",
            isolation->reached,
            of,
            isolation->held,
            units_s((int64_t)isolation->held));
    else
        (void)snprintf(message,
                       sizeof(message),
                       "the agent is connected again: %u of %zu reference addresses answer",
                       isolation->reached,
                       of);
    (void)event_emit_agent(isolation->bus,
                           isolation->isolated ? LOG_ERROR : LOG_INFO,
                           isolation->isolated ? "isolated" : "connected",
                           message,
                           loop_wall_ms(isolation->loop),
                           write_members,
                           isolation);
}

/* ------------------------------------------------------------- deciding ---- */

static bool is_isolated(const struct isolation *isolation)
{
    struct error error;
    const struct value values[] = {
        {VALUE_INTEGER, {.integer = isolation->reached}},
        {VALUE_INTEGER, {.integer = (int64_t)isolation->asks->reference_count}},
    };
    return condition_ask(isolation->asks->isolated_when, values, &error) == CONDITION_TRUE;
}

static void tell_waiting(struct isolation *isolation)
{
    while (!list_empty(&isolation->waiting)) {
        struct isolation_wait *wait = list_first(&isolation->waiting, struct isolation_wait, link);
        isolation_cancel(wait);
        wait->fn(wait->data);
    }
}

static void on_next(void *data)
{
    look(data);
}

/* A look has ended: all have answered, or time is up. */
static void conclude(struct isolation *isolation)
{
    bool before = isolation->isolated;
    isolation->looking = false;
    isolation->reached = isolation->reaching;
    isolation->looked_us = loop_now_us(isolation->loop);
    isolation->isolated = is_isolated(isolation);
    timer_start(&isolation->next, isolation->loop, LOOK_EVERY_MS, on_next, isolation);
    if (isolation->isolated != before)
        say(isolation);
    tell_waiting(isolation);
    if (before && !isolation->isolated)
        isolation->fn(isolation->data);
}

static void on_limit(void *data)
{
    struct isolation *isolation = data;
    life_drop(&isolation->life);
    conclude(isolation);
}

static void count(struct sight *sight, bool reached)
{
    struct isolation *isolation = sight->isolation;
    isolation->answered++;
    isolation->reaching += reached;
    if (isolation->answered < isolation->asks->reference_count)
        return;
    timer_stop(&isolation->limit);
    conclude(isolation);
}

/* -------------------------------------------------------------- looking ---- */

static void on_resolved(int status, const char *const *addresses, size_t number, void *data)
{
    (void)addresses;
    (void)number;
    count(data, status == 0);
}

static void on_arrival(int status, const struct probe_arrival *arrival, void *data)
{
    struct sight *sight = data;
    bool open = status == 0 && arrival->what == PROBE_OPENED;
    if (open)
        op_cancel(sight->stream);
    count(sight, open);
}

static void on_reply(int status, const struct probe_response *response, void *data)
{
    (void)status; /* an answer too long to keep is one too */
    count(data, response->code > 0);
}

static void ask(struct sight *sight, const struct probe_url *url)
{
    struct isolation *isolation = sight->isolation;
    resolve_forget(isolation->loop, url->host);
    if (strcmp(url->scheme, "dns") == 0) {
        (void)resolve_start(&isolation->life, url->host, 0, on_resolved, sight);
    } else if (strcmp(url->scheme, "tcp") == 0) {
        const struct probe_endpoint endpoint = {
            .size = sizeof(endpoint), .host = url->host, .port = url->port};
        sight->stream = stream_dial(&isolation->life, &endpoint, on_arrival, sight);
    } else {
        const struct probe_request request = {
            .size = sizeof(request), .base = url, .method = "HEAD", .fresh = true};
        (void)http_send(&isolation->life, &request, on_reply, sight);
    }
}

static void look(struct isolation *isolation)
{
    if (isolation->looking)
        return;
    isolation->looking = true;
    isolation->answered = isolation->reaching = 0;
    timer_stop(&isolation->next);
    timer_start(&isolation->limit, isolation->loop, LOOK_LASTS_MS, on_limit, isolation);
    life_drop(&isolation->life);
    life_init(&isolation->life, isolation->loop);
    for (size_t i = 0; i < isolation->asks->reference_count; i++) {
        isolation->sights[i].isolation = isolation;
        ask(&isolation->sights[i], isolation->asks->references[i]);
    }
}

static bool is_asked(const struct isolation *isolation)
{
    return isolation->started && isolation->asks->reference_count;
}

/* Whether the last look ended within so many milliseconds. */
static bool looked_within(const struct isolation *isolation, uint64_t ms)
{
    return isolation->looked_us &&
           loop_now_us(isolation->loop) - isolation->looked_us <= ms * 1000u;
}

bool isolation_holds(const struct isolation *isolation)
{
    return isolation->isolated;
}

void isolation_doubt(struct isolation *isolation, uint64_t ms)
{
    uint64_t still_fresh = ms < KNOWN_FOR_MS ? KNOWN_FOR_MS - ms : 0;
    if (is_asked(isolation) && !looked_within(isolation, still_fresh))
        look(isolation);
}

static void on_awaited(void *data)
{
    struct isolation_wait *wait = data;
    isolation_cancel(wait);
    wait->fn(wait->data);
}

bool isolation_await(struct isolation *isolation, struct isolation_wait *wait,
                     void (*fn)(void *data), void *data)
{
    if (!is_asked(isolation) || isolation->isolated || looked_within(isolation, KNOWN_FOR_MS))
        return false;
    look(isolation);
    *wait = (struct isolation_wait){.isolation = isolation, .fn = fn, .data = data};
    list_add(&isolation->waiting, &wait->link);
    timer_start(&wait->limit, isolation->loop, AWAITED_MS, on_awaited, wait);
    return true;
}

void isolation_cancel(struct isolation_wait *wait)
{
    if (!wait->isolation)
        return;
    list_remove(&wait->link);
    timer_stop(&wait->limit);
    wait->isolation = NULL;
}

/* ------------------------------------------------------------ beginning ---- */

struct isolation *isolation_create(struct loop *loop, struct bus *bus, void (*fn)(void *data),
                                   void *data)
{
    static const struct config_connectivity none;
    struct isolation *isolation = mem_new(sizeof(*isolation));
    *isolation =
        (struct isolation){.loop = loop, .bus = bus, .fn = fn, .data = data, .asks = &none};
    list_init(&isolation->waiting);
    life_init(&isolation->life, loop);
    return isolation;
}

static void stop(struct isolation *isolation)
{
    timer_stop(&isolation->next);
    timer_stop(&isolation->limit);
    life_drop(&isolation->life);
    isolation->looking = false;
}

void isolation_destroy(struct isolation *isolation)
{
    if (!isolation)
        return;
    stop(isolation);
    while (!list_empty(&isolation->waiting))
        isolation_cancel(list_first(&isolation->waiting, struct isolation_wait, link));
    config_destroy(isolation->config);
    free(isolation->sights);
    free(isolation);
}

void isolation_use(struct isolation *isolation, struct config *config)
{
    struct config *before = isolation->config;
    stop(isolation);
    isolation->config = config_hold(config);
    isolation->asks = &config->agent.connectivity;
    isolation->sights = mem_resize(
        isolation->sights, (isolation->asks->reference_count + 1) * sizeof(*isolation->sights));
    isolation->held = isolation->reached = 0;
    isolation->looked_us = 0;
    for (size_t i = 0; i < config->target_count; i++)
        isolation->held += config->targets[i].network;
    config_destroy(before);
    if (isolation->asks->reference_count == 0) {
        isolation->isolated = false;
        tell_waiting(isolation);
    } else if (isolation->started) {
        look(isolation);
    }
}

void isolation_start(struct isolation *isolation)
{
    isolation->started = true;
    if (is_asked(isolation))
        look(isolation);
}
