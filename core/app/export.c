#include "app/export.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/exposition_otlp.h"
#include "base/log.h"
#include "io/http.h"
#include "io/life.h"
#include "io/loop.h"
#include "io/wait.h"
#include "out/view.h"
#include "probe/event.h"
#include "probe/metric.h"

enum { MOST_BYTES = 16 << 20, MOST_ANSWER = 64 << 10, FIRST_MS = 1000 };

struct export
{
    const struct metrics_source *source;
    struct config *config;         /* held; NULL: none */
    const struct config_otlp *own; /* its part; NULL: nothing is sent */
    struct life life;
    struct timer due;
    bool down; /* which was said */
};

static struct loop *loop_of(const struct export *export)
{
    return export->source->schedule->loop;
}

/* ------------------------------------------------------------- troubles ---- */

static void say(const struct export *export, enum log_level level, const char *step,
                const char *message)
{
    (void)event_emit_agent(export->source->schedule->bus,
                           level,
                           step,
                           message,
                           loop_wall_ms(loop_of(export)),
                           NULL,
                           NULL);
}

static void fail(struct export *export, const char *why)
{
    metric_count(NULL, "otlp_export_failures_total", 1);
    if (export->down)
        return;
    MEM_AUTO char *message = mem_print(
        "agent.otlp: %s does not get the numbers: %s; it is tried again each %" PRId64 " s",
        export->own->url->shown,
        why,
        export->own->every_ms / 1000);
    log_warn("%s", message);
    say(export, LOG_WARN, "otlp_down", message);
    export->down = true;
}

static void succeed(struct export *export)
{
    metric_count(NULL, "otlp_exports_total", 1);
    if (!export->down)
        return;
    MEM_AUTO char *message =
        mem_print("agent.otlp: %s gets the numbers again", export->own->url->shown);
    say(export, LOG_INFO, "otlp_up", message);
    export->down = false;
}

/* "partialSuccess" of the answer; what was left out is lost, says the specification. */
static void judge(struct export *export, const struct probe_response *response)
{
    struct text TEXT_AUTO dense;
    text_init(&dense, MOST_ANSWER);
    view_dense(response->body, response->body_len, &dense);
    struct view partial = view_member((struct view){dense.bytes, dense.len}, "partialSuccess");
    struct view count = view_member(partial, "rejectedDataPoints");
    struct text TEXT_AUTO digits, message;
    text_init(&digits, 32);
    text_init(&message, 300);
    if (view_is_string(count) && view_add_text(count, &digits))
        count = (struct view){digits.bytes, digits.len};
    int64_t rejected = view_int(count, 0);
    if (rejected <= 0) {
        succeed(export);
        return;
    }
    (void)view_add_text(view_member(partial, "errorMessage"), &message);
    MEM_AUTO char *why = mem_print("it left out %" PRId64 " %s%s%s",
                                   rejected,
                                   rejected == 1 ? "point" : "points",
                                   message.len ? ": " : "",
                                   message.bytes);
    fail(export, why);
}

/* -------------------------------------------------------------- sending ---- */

static void send_all(void *data);

static void on_reply(int status, const struct probe_response *response, void *data)
{
    struct export *export = data;
    if (status == -ECANCELED)
        return;
    timer_start(&export->due, loop_of(export), (uint64_t) export->own->every_ms, send_all, export);
    if (status == 0 && response->code / 100 == 2) {
        judge(export, response);
        return;
    }
    MEM_AUTO char *why = status == 0
                             ? mem_print("it answered HTTP %d", response->code)
                             : mem_copy(response->message ? response->message : strerror(-status));
    fail(export, why);
}

static void add_attribute(struct text *body, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    text_print(body, ",{\"key\":\"%s\",\"value\":{\"stringValue\":", key);
    exposition_otlp_string(body, value);
    text_add(body, "}}");
}

/* The whole ExportMetricsServiceRequest.  False: there is more than it may hold. */
static bool write_request(const struct metrics_source *source, struct text *body)
{
    struct exposition_otlp otlp = {.started_ms = source->started_wall_ms,
                                   .now_ms = loop_wall_ms(source->schedule->loop)};
    text_add(body,
             "{\"resourceMetrics\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
             "\"value\":{\"stringValue\":\"runbookd\"}}");
    add_attribute(body, "service.version", RUNBOOKD_VERSION);
    add_attribute(body, "service.instance.id", source->boot);
    add_attribute(body, "host.name", metrics_node(source));
    add_attribute(body, "k8s.pod.name", source->session->config->agent.pod);
    text_add(
        body,
        "]},\"scopeMetrics\":[{\"scope\":{\"name\":\"runbookd\",\"version\":\"" RUNBOOKD_VERSION
        "\"},\"metrics\":[");
    (void)metrics_write(source, &(struct exposition){.text = body, .otlp = &otlp});
    text_add(body, "]}]}]}");
    return !body->cut;
}

static void send_all(void *data)
{
    static const struct probe_pair headers[] = {{"Content-Type", "application/json"}, {0}};
    struct export *export = data;
    const struct config_otlp *own = export->own;
    bool bare = !own->url->path || !*own->url->path || strcmp(own->url->path, "/") == 0;
    struct text TEXT_AUTO body;
    text_init(&body, MOST_BYTES);
    if (!write_request(export->source, &body)) {
        timer_start(&export->due, loop_of(export), (uint64_t)own->every_ms, send_all, export);
        fail(export, "there are more than 16 MiB; let agent.otlp.subjects be less");
        return;
    }
    const struct probe_request request = {
        .size = sizeof(request),
        .base = own->url,
        .path = bare ? "/v1/metrics" : NULL,
        .method = "POST",
        .headers = headers,
        .body = body.bytes,
        .body_len = body.len,
        .bearer = own->bearer,
        .user = own->user,
        .password = own->password,
        .tls = own->tls,
        .timeout_ms = own->timeout_ms,
        .max_body = MOST_ANSWER,
    };
    (void)http_send(&export->life, &request, on_reply, export);
}

/* ---------------------------------------------------------- open, close ---- */

static void stop(struct export *export)
{
    timer_stop(&export->due);
    life_drop(&export->life);
    life_init(&export->life, loop_of(export));
    config_destroy(export->config);
    export->config = NULL;
    export->own = NULL;
}

void export_renew(struct export *export)
{
    struct config *config = export->source->session->config;
    stop(export);
    if (!config->agent.otlp.url) {
        export->down = false;
        return;
    }
    export->config = config_hold(config);
    export->own = &config->agent.otlp;
    metric_count(NULL, "otlp_exports_total", 0);
    metric_count(NULL, "otlp_export_failures_total", 0);
    timer_start(&export->due, loop_of(export), FIRST_MS, send_all, export);
}

struct export *export_open(const struct metrics_source *source)
{
    struct export *export = mem_new(sizeof(*export));
    export->source = source;
    life_init(&export->life, loop_of(export));
    export_renew(export);
    return export;
}

void export_close(struct export *export)
{
    if (!export)
        return;
    stop(export);
    life_drop(&export->life);
    free(export);
}
