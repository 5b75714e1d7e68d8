/*
 * webhook_sink - type "webhook": a request an event, whose body the operator has written.
 *
 * What people are told (out/notice), or every event that `only` lets through.
 *
 * Layer: out.  Uses: base, out/each, out/notice, out/sink, out/template.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "out/each.h"
#include "out/notice.h"
#include "out/sink_types.h"
#include "out/template.h"

struct webhook_options {
    struct probe_secret *url, *bearer, *password;
    const char *method, *what, *body, *user;
    const struct probe_pair *headers;
    const struct probe_tls *tls;
    int64_t timeout_ms;
};

static const char *const methods[] = {"POST", "PUT", "PATCH", NULL};
static const char *const sorts[] = {"notices", "events", NULL};

static const struct probe_option options[] = {
    {"url",
     PROBE_SECRET_AT(struct webhook_options, url),
     .help = "where to; as a reference to a secret where who knows it can write there"},
    {"body",
     PROBE_JSON_AT(struct webhook_options, body),
     .help =
         "what is sent: a map with ${event.MEMBER} and ${notice.title}, .body, .command, .state, "
         ".key in its texts; or a text"},
    {"what",
     PROBE_STRING_AT(struct webhook_options, what),
     .fallback = "notices",
     .choices = sorts,
     .help = "notices: what people are told; events: all that `only` lets through"},
    {"method",
     PROBE_STRING_AT(struct webhook_options, method),
     .fallback = "POST",
     .choices = methods,
     .help = "of the request"},
    {"headers",
     PROBE_PAIRS_AT(struct webhook_options, headers),
     .fallback = "",
     .help = "further headers; values may be references to secrets"},
    {"bearer",
     PROBE_SECRET_AT(struct webhook_options, bearer),
     .fallback = "",
     .help = "a token, sent as Authorization: Bearer"},
    {"user",
     PROBE_STRING_AT(struct webhook_options, user),
     .fallback = "",
     .help = "basic authentication"},
    {"password",
     PROBE_SECRET_AT(struct webhook_options, password),
     .fallback = "",
     .help = "and its password"},
    {"tls",
     PROBE_TLS_AT(struct webhook_options, tls),
     .fallback = "",
     .help = "certificate authority, client certificate, name, verification"},
    {"timeout",
     PROBE_DURATION_AT(struct webhook_options, timeout_ms),
     .fallback = "30s",
     .min = 100,
     .max = 3600000,
     .help = "how long one request may take"},
    {0},
};

static int check(const void *data, struct error *error)
{
    const struct webhook_options *config = data;
    struct error wrong;
    if (config->bearer && config->user && *config->user)
        return error_set(error, -EINVAL, "bearer: cannot be together with user");
    if (!config->body)
        return 0;
    struct template *template = template_create(config->body, &wrong);
    template_destroy(template);
    if (template)
        return 0;
    (void)error_set(error, wrong.code, "body: %.400s", wrong.message);
    return error_hint(error, "%s", wrong.hint);
}

struct self {
    struct template *template;
    bool all; /* not only what people are told */
};

static bool make(const char *name, struct view line, struct text *body, void *data)
{
    const struct self *self = data;
    struct notice notice;
    bool told = notice_make(line, name, &notice);
    if (told || self->all)
        template_write(self->template, line, told ? &notice : NULL, body);
    if (told)
        notice_finish(&notice);
    return told || self->all;
}

static void finish(void *data)
{
    struct self *self = data;
    template_destroy(self->template);
    free(self);
}

static void *open_sink(const struct sink_place *place)
{
    const struct webhook_options *config = place->config;
    struct self *self = mem_new(sizeof(*self));
    struct error error;
    self->all = strcmp(config->what, "events") == 0;
    self->template = template_create(config->body, &error); /* as check() has found it good */
    const struct each_wish wish = {
        .loop = place->loop,
        .url = config->url,
        .tls = config->tls,
        .timeout_ms = config->timeout_ms,
        .method = config->method,
        .media = template_is_json(self->template) ? NULL : "text/plain; charset=utf-8",
        .headers = config->headers,
        .bearer = config->bearer,
        .user = config->user,
        .password = config->password,
        .make = make,
        .data = self,
        .finish = finish,
    };
    return each_open(place->name, &wish);
}

const struct sink_type webhook_sink = {
    .face =
        {
            .name = "webhook",
            .summary = "what people are told, or events, as requests with a body of your own",
            .options = options,
            .config_size = sizeof(struct webhook_options),
            .queued = true,
            .people = true,
            .check = check,
        },
    .open = open_sink,
    .carry = each_carry,
    .close = each_close,
};
