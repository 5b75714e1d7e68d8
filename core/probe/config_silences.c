/*
 * config_silences - "silences.alertmanager:", which Alertmanager shares silences.
 *
 * Layer: probe.  Part of probe/config.
 */
#include <string.h>

#include "probe/config_parts.h"

const struct probe_option config_silences_options[] = {
    {"url",
     PROBE_URL_AT(struct config_silences, url),
     .help = "one instance, or what stands before all: http://alertmanager:9093"},
    {"bearer",
     PROBE_SECRET_AT(struct config_silences, bearer),
     .fallback = "",
     .help = "a token, sent as Authorization: Bearer"},
    {"user",
     PROBE_STRING_AT(struct config_silences, user),
     .fallback = "",
     .help = "basic authentication"},
    {"password",
     PROBE_SECRET_AT(struct config_silences, password),
     .fallback = "",
     .help = "and its password"},
    {"tls",
     PROBE_TLS_AT(struct config_silences, tls),
     .fallback = "",
     .help = "certificate authority, client certificate, name, verification"},
    {"every",
     PROBE_DURATION_AT(struct config_silences, every_ms),
     .fallback = "15s",
     .min = 100,
     .max = 3600000,
     .help = "how often its silences are read"},
    {"timeout",
     PROBE_DURATION_AT(struct config_silences, timeout_ms),
     .fallback = "4s",
     .min = 100,
     .max = 4000,
     .help = "how long one request may take"},
    {0},
};

/* Its other keys, and what it is, are incident/entry's. */
void config_read_silences(struct builder *builder)
{
    static const char path[] = "silences.alertmanager";
    const struct node *silences = node_find(builder->root, "silences");
    struct config_silences *own = &builder->config->silences;
    if (node_is_absent(silences) || silences->kind != NODE_MAP)
        return;
    const struct node *map = node_find(silences, "alertmanager");
    if (node_is_absent(map) || map->kind == NODE_NULL)
        return;
    if (map->kind != NODE_MAP) {
        problem_hint(config_refuse(builder, map->place, path, "is not a map"),
                     "write {url: \"http://alertmanager:9093\"}");
        return;
    }
    schema_fill(&builder->schema, config_silences_options, map, path, own);
    schema_refuse_unknown(
        &builder->schema, &(struct schema_keys){.tables = {config_silences_options}}, map, path);
    if (own->url && strcmp(own->url->scheme, "http") != 0 && strcmp(own->url->scheme, "https") != 0)
        (void)config_refuse(
            builder, node_place(map, "url"), path, "url is neither http:// nor https://");
    if (own->bearer && own->user && *own->user)
        (void)config_refuse(
            builder, node_place(map, "bearer"), path, "bearer cannot be together with user");
}
