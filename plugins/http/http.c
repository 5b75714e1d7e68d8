/*
 * http - what the HTTP plugin knows, as tables.  Requests are put together in ask.c, judged in
 * answer.c; a check a file.
 */
#include "http.h"

#include <stdlib.h>

#include "common/cert/presented.h"
#include "declared.h"
#include "request.h"

const char *const http_methods[] = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", NULL};
const char *const http_ips[] = {"any", "4", "6", NULL};
const char *const http_connections[] = {"kept", "fresh", NULL};
const char *const http_versions[] = {"any", "1.1", "2", NULL};

/* -------------------------------------------------------------- checks ---- */

#define LOGIN "whatever the path asks for: `bearer`, `user` and `password`, `oauth2`, or a header"

/* As cert.endpoint looks at it, with the target's own URL and `tls`. */
static void certificate_run(struct probe_target *self, struct probe_run *run)
{
    const struct http_config *config = self->config;
    if (presented_scheme_of(config->url))
        presented_start(run, config->url, config->tls);
    else
        probe_end(run,
                  .how = PROBE_INAPPLICABLE,
                  .status = -EINVAL,
                  .reason = "config",
                  .summary = "the target's url is no https://, so there is no certificate",
                  .hint = "write the url with https://, or take this check away");
}

static const struct probe_check checks[] = {
    {.name = "endpoint",
     .title = "it does not answer as it should: not at all, too late, or something else",
     .options = endpoint_options,
     .config_size = sizeof(struct endpoint_config),
     .measures = endpoint_measures,
     .every = "15s",
     .timeout = "5s",
     .warning = "total_ms > 1000 or health == 'warn'",
     .critical = "not expected",
     .needs = LOGIN,
     .asks = "one request: METHOD URL/path; redirects only as far as `redirects` says",
     .memory_size = sizeof(struct endpoint_memory),
     .run_size = sizeof(struct endpoint_state),
     .run = endpoint_run,
     .prepare = endpoint_prepare,
     .forget = endpoint_forget},
    {.name = "latency",
     .title = "it answers, but users wait",
     .since = "0.1",
     .optional = true,
     .options = latency_options,
     .config_size = sizeof(struct latency_config),
     .measures = latency_measures,
     .every = "1m",
     .timeout = "20s",
     .warning = "p95_ms > 500 or failed > 0",
     .critical = "failed_percent >= 50",
     .needs = LOGIN,
     .asks = "`samples` requests, one after the other, `pause` apart",
     .memory_size = sizeof(struct latency_memory),
     .run_size = sizeof(struct latency_state),
     .run = latency_run,
     .prepare = latency_prepare},
    {.name = "synthetic",
     .title = "what users do does not work: a step of it is not answered as it should be",
     .since = "0.1",
     .options = synthetic_options,
     .config_size = sizeof(struct synthetic_config),
     .measures = synthetic_measures,
     .every = "1m",
     .timeout = "15s",
     .critical = "not expected",
     .needs = "an account of its own, which may do no more than these steps",
     .asks = "the steps' requests, one after the other",
     .memory_size = sizeof(struct synthetic_memory),
     .run_size = sizeof(struct synthetic_state),
     .run = synthetic_run,
     .ended = synthetic_ended,
     .prepare = synthetic_prepare,
     .forget = synthetic_forget},
    {.name = "api",
     .title = "somebody else's API does not serve us: an outage, our login, or our quota",
     .since = "0.1",
     .optional = true,
     .options = api_options,
     .config_size = sizeof(struct api_config),
     .measures = api_measures,
     .every = "5m",
     .timeout = "10s",
     .warning = "error_class == 'rate_limited' or error_class == 'request'",
     .critical = "one_of(error_class, 'token', 'outage', 'network', 'body')",
     .needs = LOGIN,
     .asks = "one request: METHOD URL/path",
     .memory_size = sizeof(struct api_memory),
     .run_size = 0,
     .run = api_run,
     .prepare = api_prepare,
     .forget = api_forget},
    {.name = "rate_limit",
     .title = "an API's quota runs out, and requests will be refused",
     .since = "0.1",
     .optional = true,
     .options = rate_limit_options,
     .config_size = sizeof(struct rate_limit_config),
     .measures = rate_limit_measures,
     .every = "5m",
     .timeout = "10s",
     .warning = "remaining_percent < 20",
     .critical = "remaining_percent <= 0 or http_status == 429",
     .needs = LOGIN,
     .asks = "one request: METHOD URL/path",
     .run = rate_limit_run,
     .prepare = rate_limit_prepare},
    {.name = "certificate",
     .title = "what the server presents is refused by its clients, or soon will be",
     .since = "0.1",
     .optional = true,
     PRESENTED_ALIKE,
     .asks = "a TLS handshake with each address of the URL's host, in which nothing is sent; with "
             "`lowest` a second one, with older TLS",
     .run = certificate_run},
    {0},
};

/* ------------------------------------------------------------- actions ---- */

static const struct probe_action actions[] = {
    {.name = "request",
     .help = "sends a request that the target declares in `requests`, once; hurts as much as "
             "`effect` says there",
     .effect = PROBE_DESTRUCTIVE,
     .binds = PROBE_BINDS_ITEMS,
     .options = request_options,
     .config_size = sizeof(struct request_config),
     .needs = "the request's own `bearer`, or the login of the target or of its act_as",
     .timeout = "60s",
     .run_size = sizeof(struct request_run),
     .plan = request_plan,
     .apply = request_apply,
     .ended = request_ended,
     .declared = true},
    {0},
};

/* -------------------------------------------------------------- target ---- */

static const struct probe_option options[] = {
    {"url",
     PROBE_URL_AT(struct http_config, url),
     .help = "https://api.example.org, with a path if all checks begin there"},
    {"headers",
     PROBE_PAIRS_AT(struct http_config, headers),
     .fallback = "",
     .help = "sent with each request; values may be secrets"},
    {"bearer", PROBE_SECRET_AT(struct http_config, bearer), .fallback = "", .help = "a token"},
    {"user",
     PROBE_STRING_AT(struct http_config, user),
     .fallback = "",
     .help = "for basic authentication; default: the URL's"},
    {"password",
     PROBE_SECRET_AT(struct http_config, password),
     .fallback = "",
     .help = "for basic authentication; default: the URL's"},
    {"oauth2",
     PROBE_PAIRS_AT(struct http_config, oauth2),
     .fallback = "",
     .help = "client credentials: {token_url, client_id, client_secret, scope, audience, auth: "
             "header or body}"},
    {"tls",
     PROBE_TLS_AT(struct http_config, tls),
     .fallback = "",
     .help = "whom to trust, and what to show"},
    {"requests",
     PROBE_NAMED_AT(struct http_config, requests),
     .fallback = "",
     .help = "what a remediation may ask of it, and nothing else: {retry: {method: POST, path: "
             "/jobs/${with.id}/retry, effect: disruptive}}",
     .nested = declared_options,
     .item_size = sizeof(struct declared_request)},
    {0},
};

static int create(struct probe_target *self, struct probe_error *error)
{
    const struct http_config *config = self->config;
    struct http_target *target = self->data;
    bool user = http_given(config->user), oauth2 = config->oauth2 && config->oauth2->name;
    if (oauth2 && (config->bearer || user || config->password))
        return probe_refuse(
            error, "oauth2", "one login is enough: `oauth2`, `bearer`, or `user` and `password`");
    if (config->bearer && (user || config->password))
        return probe_refuse(
            error, "bearer", "one login is enough: `bearer`, or `user` and `password`");
    if (user && !config->password)
        return probe_refuse(error, "password", "`user` has no password");
    int status = login_refuse(config->oauth2, error);
    return status ? status : declared_create(&config->requests, &target->declared, error);
}

static void destroy(struct probe_target *self)
{
    const struct http_config *config = self->config;
    struct http_target *target = self->data;
    login_finish(&target->login);
    declared_destroy(target->declared, config->requests.count);
}

static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "http",
    .version = "1.0",
    .summary = "asks over HTTP whether a service answers, as it should and in time",
    .scheme = "http,https",
    .where = PROBE_NODE,
    .options = options,
    .config_size = sizeof(struct http_config),
    .data_size = sizeof(struct http_target),
    .parallel = 4,
    .checks = checks,
    .actions = actions,
    .create = create,
    .destroy = destroy,
};
PROBE_PLUGIN(plugin);
