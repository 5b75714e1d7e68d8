/*
 * prometheus - what the Prometheus plugin knows, as tables: a server's expressions, alerts and
 * targets, and pages that nobody scrapes.
 *
 * ask.c speaks to the API; vector.c, matchers.c and exposition.c understand what is written; the
 * others are a check each.
 */
#include "prometheus.h"

#define READ "whatever stands before it asks for: `bearer`, `user` and `password`, or a header"

static const struct probe_check checks[] = {
    {.name = "connect",
     .title = "Prometheus does not answer, so nobody is told of anything",
     .since = "0.1",
     .measures = connect_measures,
     .every = "30s",
     .timeout = "5s",
     .late = PROBE_DOWN,
     .warning = "query_ms > 1000",
     .needs = READ,
     .asks = "GET /api/v1/query?query=vector(1)",
     .run_size = sizeof(struct connect_state),
     .run = connect_run},
    {.name = "query",
     .title = "a value has crossed the line that the operator drew",
     .since = "0.1",
     .options = query_options,
     .config_size = sizeof(struct query_config),
     .measures = query_measures,
     .every = "1m",
     .timeout = "10s",
     .needs = READ,
     .asks = "GET /api/v1/query?query=PROMQL",
     .run_size = sizeof(struct ask_state),
     .run = query_run},
    {.name = "error_rate",
     .title = "too many requests fail",
     .since = "0.1",
     .optional = true,
     .options = ratio_options,
     .config_size = sizeof(struct ratio_config),
     .measures = ratio_measures,
     .every = "1m",
     .timeout = "10s",
     .warning = "errors_percent > 0.5",
     .critical = "errors_percent > 1",
     .needs = READ,
     .asks = "sum by (BY) (rate(METRIC{MATCH}[WINDOW])), and the same without status_label",
     .memory_size = sizeof(struct ratio_memory),
     .run_size = sizeof(struct ratio_state),
     .run = ratio_run,
     .ended = ratio_ended,
     .prepare = ratio_prepare},
    {.name = "latency",
     .title = "users wait",
     .since = "0.1",
     .optional = true,
     .options = quantile_options,
     .config_size = sizeof(struct quantile_config),
     .measures = quantile_measures,
     .every = "1m",
     .timeout = "10s",
     .warning = "value_seconds > 0.5 or baseline_ratio > 1.5",
     .needs = READ,
     .asks =
         "histogram_quantile(QUANTILE, sum by (le, BY) (rate(METRIC_bucket{MATCH}[WINDOW]))), or "
         "of a native histogram; with `baseline` the same at that offset; where it is NaN the rate "
         "of METRIC_count",
     .memory_size = sizeof(struct quantile_memory),
     .run_size = sizeof(struct quantile_state),
     .run = quantile_run,
     .ended = quantile_ended,
     .prepare = quantile_prepare},
    {.name = "alerts",
     .title = "alerts fire, or one that always should does not",
     .since = "0.1",
     .options = alerts_options,
     .config_size = sizeof(struct alerts_config),
     .measures = alerts_measures,
     .every = "30s",
     .timeout = "10s",
     .warning = "severity == 'warning'",
     .critical = "severity == 'critical' or severity == 'missing'",
     .needs = READ,
     .asks = "ALERTS{alertstate=\"firing\", MATCH}, then GET /api/v1/alerts",
     .memory_size = sizeof(struct alerts_memory),
     .run_size = sizeof(struct alerts_state),
     .run = alerts_run,
     .ended = alerts_ended,
     .prepare = alerts_prepare},
    {.name = "target_up",
     .title = "Prometheus is blind for a part: targets cannot be scraped",
     .since = "0.1",
     .options = targets_options,
     .config_size = sizeof(struct targets_config),
     .measures = targets_measures,
     .every = "1m",
     .timeout = "10s",
     .warning = "down > 0 or age_seconds > 120",
     .critical = "down_percent >= 50",
     .needs = READ,
     .asks = "count by (job) (up{MATCH}), of those that are 0, and time() - timestamp(up{MATCH}); "
             "where some are down GET /api/v1/targets",
     .memory_size = sizeof(struct targets_memory),
     .run_size = sizeof(struct targets_state),
     .run = targets_run,
     .ended = targets_ended,
     .prepare = targets_prepare},
    {.name = "scrape",
     .title = "what a process says of itself has crossed the line that the operator drew",
     .since = "0.1",
     .options = scrape_options,
     .config_size = sizeof(struct scrape_config),
     .measures = scrape_measures,
     .every = "30s",
     .timeout = "20s",
     .warning = "failed > 0",
     .needs = READ,
     .asks = "GET URL/metrics, or each of `urls`; the first time twice",
     .memory_size = sizeof(struct scrape_memory),
     .run_size = sizeof(struct scrape_state),
     .run = scrape_run,
     .ended = scrape_ended,
     .prepare = scrape_prepare,
     .forget = scrape_forget},
    {0},
};

/* -------------------------------------------------------------- target ---- */

static const struct probe_option options[] = {
    {"url",
     PROBE_URL_AT(struct server, url),
     .help = "where the API is, without /api/v1: http://prometheus:9090"},
    {"headers",
     PROBE_PAIRS_AT(struct server, headers),
     .fallback = "",
     .help = "sent with each question: {X-Scope-OrgID: shop}"},
    {"bearer", PROBE_SECRET_AT(struct server, bearer), .fallback = "", .help = "a token"},
    {"user",
     PROBE_STRING_AT(struct server, user),
     .fallback = "",
     .help = "for basic authentication"},
    {"password",
     PROBE_SECRET_AT(struct server, password),
     .fallback = "",
     .help = "for basic authentication"},
    {"tls", PROBE_TLS_AT(struct server, tls), .fallback = "", .help = "whom to trust"},
    {0},
};

static int create(struct probe_target *self, struct probe_error *error)
{
    const struct server *server = self->config;
    if (server->bearer && (server->password || (server->user && *server->user)))
        return probe_refuse(
            error, "bearer", "one login is enough: `bearer`, or `user` and `password`");
    return 0;
}

static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "prometheus",
    .version = "1.0",
    .summary = "asks a Prometheus server: expressions, error rates, quantiles, alerts, targets",
    .options = options,
    .config_size = sizeof(struct server),
    .parallel = 2,
    .checks = checks,
    .create = create,
};
PROBE_PLUGIN(plugin);
