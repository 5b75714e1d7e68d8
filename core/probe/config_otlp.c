/*
 * config_otlp - "agent.otlp:", where the agent's numbers are sent, if anywhere.
 *
 * Layer: probe.  Part of probe/config.
 */
#include <string.h>

#include "probe/config_parts.h"

const struct probe_option config_otlp_options[] = {
    {"url",
     PROBE_URL_AT(struct config_otlp, url),
     .help = "an OpenTelemetry collector: http://otel-collector:4318; without a path, /v1/metrics"},
    {"bearer",
     PROBE_SECRET_AT(struct config_otlp, bearer),
     .fallback = "",
     .help = "a token, sent as Authorization: Bearer"},
    {"user",
     PROBE_STRING_AT(struct config_otlp, user),
     .fallback = "",
     .help = "basic authentication"},
    {"password",
     PROBE_SECRET_AT(struct config_otlp, password),
     .fallback = "",
     .help = "and its password"},
    {"tls",
     PROBE_TLS_AT(struct config_otlp, tls),
     .fallback = "",
     .help = "certificate authority, client certificate, name, verification"},
    {"every",
     PROBE_DURATION_AT(struct config_otlp, every_ms),
     .fallback = "60s",
     .min = 1000,
     .max = 3600000,
     .help = "how often all numbers are sent"},
    {"timeout",
     PROBE_DURATION_AT(struct config_otlp, timeout_ms),
     .fallback = "10s",
     .min = 100,
     .max = 60000,
     .help = "how long one request may take"},
    {"subjects",
     PROBE_INT_AT(struct config_otlp, most_subjects),
     .fallback = "200",
     .min = 1,
     .max = LEDGER_MOST_SUBJECTS,
     .help = "of one check; how many more there are is sent, too"},
    {0},
};

void config_read_otlp(struct builder *builder, const struct node *agent)
{
    static const char path[] = "agent.otlp";
    const struct node *map = node_find(agent, "otlp");
    struct config_otlp *otlp = &builder->config->agent.otlp;
    if (config_is_off(map))
        return;
    if (map->kind != NODE_MAP) {
        problem_hint(
            config_refuse(builder, map->place, path, "is %s, not a map", node_kind_name(map)),
            "write it like {url: \"http://otel-collector:4318\"}, or off");
        return;
    }
    schema_fill(&builder->schema, config_otlp_options, map, path, otlp);
    schema_refuse_unknown(
        &builder->schema, &(struct schema_keys){.tables = {config_otlp_options}}, map, path);
    if (otlp->url && strcmp(otlp->url->scheme, "http") != 0 &&
        strcmp(otlp->url->scheme, "https") != 0)
        problem_hint(
            config_refuse(
                builder, node_place(map, "url"), path, "url is neither http:// nor https://"),
            "OTLP over gRPC is not spoken: name the collector's port for HTTP, mostly 4318");
    if (otlp->bearer && otlp->user && *otlp->user)
        (void)config_refuse(
            builder, node_place(map, "bearer"), path, "bearer cannot be together with user");
}
