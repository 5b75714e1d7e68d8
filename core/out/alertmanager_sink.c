/*
 * alertmanager_sink - type "alertmanager": findings, plans that wait and remediations that need a
 * person as alerts, to every instance of a cluster.
 *
 * A sink without a queue: what counts is what is the case now (out/alerts), and that is told again
 * each `resend`, so that an instance that was away learns it from the next round.  Instances know
 * nothing of each other here; one that does not answer is asked again after a pause that grows to
 * 30 s, and delays no other one.  An alert ends by itself three rounds after the agent has; after a
 * restart, what goes on is told as soon as the agent says it again (`repeat`).
 *
 * Layer: out.  Uses: base, io/http, out/alerts, out/sink, probe/metric.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/wait.h"
#include "out/alert_labels.h"
#include "out/alerts.h"
#include "out/sink.h"
#include "out/sink_types.h"
#include "probe/metric.h"

enum {
    GATHER_MS = 100, /* what changes together is told together */
    FIRST_PAUSE_MS = 1000,
    LONGEST_PAUSE_MS = 30000,
    LONGEST_BODY = 64 << 20
};

/* ---------------------------------------------------------------- options ---- */

struct alertmanager_options {
    const char *const *urls;
    struct probe_secret *bearer, *password;
    const char *user;
    const struct probe_tls *tls;
    const char *labels; /* JSON; NULL: all that an event has */
    int64_t resend_ms, timeout_ms;
};

static const struct probe_option options[] = {
    {"urls",
     PROBE_LIST_AT(struct alertmanager_options, urls),
     .help = "every instance: [\"http://alertmanager-0:9093\", ...]"},
    {"bearer",
     PROBE_SECRET_AT(struct alertmanager_options, bearer),
     .fallback = "",
     .help = "a token, sent as Authorization: Bearer"},
    {"user",
     PROBE_STRING_AT(struct alertmanager_options, user),
     .fallback = "",
     .help = "basic authentication"},
    {"password",
     PROBE_SECRET_AT(struct alertmanager_options, password),
     .fallback = "",
     .help = "and its password"},
    {"tls",
     PROBE_TLS_AT(struct alertmanager_options, tls),
     .fallback = "",
     .help = "certificate authority, client certificate, name, verification"},
    {"labels",
     PROBE_JSON_AT(struct alertmanager_options, labels),
     .fallback = "",
     .help = "the operator's labels of an alert: {team: \"${label.team}\"}; default: all"},
    {"resend",
     PROBE_DURATION_AT(struct alertmanager_options, resend_ms),
     .fallback = "1m",
     .min = 100,
     .max = 3600000,
     .help = "how often what is not ok is told again; it ends after three times that"},
    {"timeout",
     PROBE_DURATION_AT(struct alertmanager_options, timeout_ms),
     .fallback = "10s",
     .min = 100,
     .max = 60000,
     .help = "how long one request may take"},
    {0},
};

static int check(const void *config, struct error *error)
{
    const struct alertmanager_options *sink = config;
    size_t count = 0;
    for (; sink->urls && sink->urls[count]; count++) {
        const char *url = sink->urls[count];
        if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
            return error_set(error, -1, "urls: %s is neither http:// nor https://", url);
        if (strchr(url, '@'))
            return error_set(error, -1, "urls: user and password stand beside them, not inside");
    }
    if (count == 0 || count > ALERTS_MOST_INSTANCES)
        return error_set(error, -1, "urls: is no list of 1 to %d addresses", ALERTS_MOST_INSTANCES);
    if (sink->bearer && sink->user)
        return error_set(error, -1, "bearer: cannot be together with user");
    return alert_labels_check(sink->labels, error);
}

/* -------------------------------------------------------------------- self ---- */

struct instance {
    struct self *self;
    const char *url;
    struct timer due;
    int64_t pause_ms; /* after it did not answer; zero: it did */
    uint64_t telling; /* what is under way */
    bool busy, again; /* a request is under way; and what changed meanwhile is to follow */
    bool down;        /* which was said */
};

struct self {
    struct loop *loop;
    struct bus *bus;
    const struct alertmanager_options *config;
    char *name;
    struct alerts *alerts;
    struct life life;
    struct instance instances[ALERTS_MOST_INSTANCES];
    unsigned count;
};

static void tell(void *data);

static void say(const struct instance *instance, enum log_level level, const char *step,
                const char *why)
{
    const struct self *self = instance->self;
    MEM_AUTO char *message =
        mem_print(*why ? "sink %s: %s cannot be told: %s" : "sink %s: %s is told again%s",
                  self->name,
                  instance->url,
                  why);
    (void)event_emit_agent(self->bus, level, step, message, loop_wall_ms(self->loop), NULL, NULL);
}

static void count_alerts(const struct self *self)
{
    unsigned down = 0;
    for (unsigned i = 0; i < self->count; i++)
        down += self->instances[i].down;
    metric_gauge(self->name, "sink_down", down == self->count);
    metric_gauge(self->name, "sink_alerts", (double)alerts_count(self->alerts));
    metric_gauge(self->name, "sink_left_out", (double)alerts_left_out(self->alerts));
}

/* ----------------------------------------------------------------- telling ---- */

static void on_trouble(struct instance *instance, const char *why)
{
    int64_t next = instance->pause_ms ? 2 * instance->pause_ms : FIRST_PAUSE_MS;
    instance->pause_ms = next < LONGEST_PAUSE_MS ? next : LONGEST_PAUSE_MS;
    metric_count(instance->self->name, "sink_retries_total", 1);
    timer_start(&instance->due, instance->self->loop, (uint64_t)instance->pause_ms, tell, instance);
    if (!instance->down)
        say(instance, LOG_ERROR, "sink_down", why);
    instance->down = true;
    count_alerts(instance->self);
}

static void on_told(struct instance *instance)
{
    struct self *self = instance->self;
    alerts_told(self->alerts, (unsigned)(instance - self->instances), instance->telling);
    alerts_expire(self->alerts, loop_wall_ms(self->loop));
    instance->pause_ms = 0;
    timer_start(&instance->due,
                self->loop,
                instance->again ? GATHER_MS : (uint64_t)self->config->resend_ms,
                tell,
                instance);
    if (instance->down)
        say(instance, LOG_INFO, "sink_up", "");
    instance->down = false;
    count_alerts(self);
}

static void on_reply(int status, const struct probe_response *response, void *data)
{
    struct instance *instance = data;
    if (status == -ECANCELED)
        return;
    instance->busy = false;
    if (status == 0 &&
        response->code == 400) /* it has taken what it could, and will take no more */
        log_warn("sink %s: %s refuses some alerts: %.200s",
                 instance->self->name,
                 instance->url,
                 response->body ? response->body : "");
    if (status == 0 && (response->code / 100 == 2 || response->code == 400)) {
        on_told(instance);
        return;
    }
    MEM_AUTO char *why = status == 0
                             ? mem_print("it answered HTTP %d", response->code)
                             : mem_copy(response->message ? response->message : strerror(-status));
    on_trouble(instance, why);
}

static void tell(void *data)
{
    static const struct probe_pair headers[] = {{"Content-Type", "application/json"}, {0}};
    struct instance *instance = data;
    struct self *self = instance->self;
    const struct alertmanager_options *config = self->config;
    int64_t now_ms = loop_wall_ms(self->loop);
    struct text TEXT_AUTO body;
    text_init(&body, LONGEST_BODY);
    if (alerts_count(self->alerts) == 0) { /* the next one begins the rounds again */
        instance->again = false;
        return;
    }
    instance->telling = alerts_write(self->alerts, now_ms + 3 * config->resend_ms, &body);
    instance->again = false;
    instance->busy = true;
    const struct probe_request request = {
        .size = sizeof(request),
        .url = instance->url,
        .path = "/api/v2/alerts",
        .method = "POST",
        .headers = headers,
        .body = body.bytes,
        .body_len = body.len,
        .bearer = config->bearer,
        .user = config->user,
        .password = config->password,
        .tls = config->tls,
        .timeout_ms = config->timeout_ms,
    };
    (void)http_send(&self->life, &request, on_reply, instance);
}

/* `news`: something is to be told at once. */
static void spread(struct self *self, bool news)
{
    count_alerts(self);
    if (!news)
        return;
    for (unsigned i = 0; i < self->count; i++) {
        struct instance *instance = &self->instances[i];
        instance->again = true;
        if (!instance->busy && !instance->pause_ms)
            timer_start(&instance->due, self->loop, GATHER_MS, tell, instance);
    }
}

static void hear(void *data, const struct event *event)
{
    struct self *self = data;
    spread(self, alerts_take(self->alerts, event));
}

static void hear_end(void *data, const struct event *event)
{
    struct self *self = data;
    spread(self, alerts_end(self->alerts, event));
}

/* -------------------------------------------------------------- open, close ---- */

/* At the end of the agent: what has ended is to be told; what goes on ends by itself. */
static bool is_idle(const void *data)
{
    const struct self *self = data;
    for (unsigned i = 0; i < self->count; i++)
        if (!self->instances[i].down && (self->instances[i].busy || self->instances[i].again))
            return false;
    return alerts_ending(self->alerts) == 0 || self->count == 0;
}

static void *open_sink(const struct sink_place *place)
{
    struct self *self = mem_new(sizeof(*self));
    self->loop = place->loop;
    self->bus = place->bus;
    self->config = place->config;
    self->name = mem_copy(place->name);
    life_init(&self->life, place->loop);
    for (; self->config->urls[self->count]; self->count++)
        self->instances[self->count] =
            (struct instance){.self = self, .url = self->config->urls[self->count]};
    self->alerts = alerts_create(self->count, self->name, self->config->labels);
    metric_count(self->name, "sink_retries_total", 0);
    count_alerts(self);
    return self;
}

static void close_sink(void *data)
{
    struct self *self = data;
    for (unsigned i = 0; i < self->count; i++)
        timer_stop(&self->instances[i].due);
    life_drop(&self->life);
    alerts_destroy(self->alerts);
    free(self->name);
    free(self);
}

const struct sink_type alertmanager_sink = {
    .face =
        {
            .name = "alertmanager",
            .summary = "findings and plans that wait as alerts, to every instance of Alertmanager",
            .options = options,
            .config_size = sizeof(struct alertmanager_options),
            .people = true,
            .check = check,
        },
    .open = open_sink,
    .hear = hear,
    .over = hear_end,
    .idle = is_idle,
    .close = close_sink,
};
