/*
 * dns - what the plugin knows, as tables.  Servers are asked in resolve.c, one of them in
 * inquiry.c; what is said on the wire stands in message.c, what it means in verdict.c.
 */
#include "dns.h"

#include <string.h>

/* ------------------------------------------------------------- resolve ---- */

static const struct probe_option resolve_options[] = {
    {"name",
     PROBE_STRING_AT(struct resolve_config, name),
     .fallback = "",
     .help = "what to ask for, whole, instead of the target's; of PTR it may be an address"},
    {"type",
     PROBE_STRING_AT(struct resolve_config, type),
     .fallback = "A",
     .choices = message_types,
     .help = "the kind of record"},
    {"servers",
     PROBE_LIST_AT(struct resolve_config, servers),
     .fallback = "[]",
     .help = "whom to ask, instead of the target's: 10.0.0.2, [fd00::2]:5353, ns1.example.org"},
    {"expect",
     PROBE_LIST_AT(struct resolve_config, expect),
     .fallback = "[]",
     .help = "the answers: 203.0.113.7, \"10 mail.example.org\", ...; none: any will do"},
    {"match",
     PROBE_STRING_AT(struct resolve_config, match),
     .fallback = "exact",
     .choices = verdict_matches,
     .help = "exact: these and no others; includes: these, and any others; within: some of these"},
    {"rcode",
     PROBE_STRING_AT(struct resolve_config, rcode),
     .fallback = "noerror",
     .choices = verdict_rcodes,
     .help = "the outcome that is expected; nodata: the name, and no such record"},
    {"authoritative",
     PROBE_BOOL_AT(struct resolve_config, authoritative),
     .fallback = "false",
     .help = "whether the servers are to know it by themselves, as those of the zone do"},
    {"recurse",
     PROBE_BOOL_AT(struct resolve_config, recurse),
     .fallback = "true",
     .help = "whether they are asked to ask others"},
    {"agree",
     PROBE_BOOL_AT(struct resolve_config, agree),
     .fallback = "true",
     .help = "whether all servers are to answer the same"},
    {"transport",
     PROBE_STRING_AT(struct resolve_config, transport),
     .fallback = "udp",
     .choices = resolve_transports,
     .help = "udp: and TCP where the answer does not fit; tcp: at once"},
    {"tries",
     PROBE_INT_AT(struct resolve_config, tries),
     .fallback = "3",
     .min = 1,
     .max = 5,
     .help = "how often it is sent over UDP while nothing comes, a second apart"},
    {0},
};

static const struct probe_measure resolve_measures[] = {
    {"expected", "whether it answered, as `rcode` and `expect` say", .kind = PROBE_FLAG},
    {"error_class", "what is wrong", .kind = PROBE_WORD, .words = verdict_classes},
    {"mismatch",
     "whether it answers something else than most of the other servers",
     .kind = PROBE_FLAG},
    {"total_ms", "from the question to the answer, with all tries", .kind = PROBE_GAUGE},
    {"transport",
     "how the answer came, or was waited for",
     .kind = PROBE_WORD,
     .words = resolve_transports},
    {"truncated", "whether the answer did not fit into UDP", .kind = PROBE_FLAG},
    {"dns_ms", "to look the server's own name up", .kind = PROBE_GAUGE, .optional = true},
    {"connect_ms", "of TCP: to connect", .kind = PROBE_GAUGE, .optional = true},
    {"tries", "how often it was sent over UDP", .kind = PROBE_GAUGE, .optional = true},
    {"rcode",
     "the outcome that it tells",
     .kind = PROBE_WORD,
     .optional = true,
     .words = message_rcodes},
    {"authoritative", "whether it knows by itself", .kind = PROBE_FLAG, .optional = true},
    {"count", "records of the kind that was asked for", .kind = PROBE_GAUGE, .optional = true},
    {"ttl_seconds",
     "how long the answer may be kept, by the first record that ends",
     .kind = PROBE_GAUGE,
     .optional = true},
    {0},
};

static const struct probe_check checks[] = {
    {.name = "resolve",
     .title = "a name is not found, is answered wrongly, or its name server does not answer",
     .since = "0.1",
     .options = resolve_options,
     .config_size = sizeof(struct resolve_config),
     .measures = resolve_measures,
     .every = "30s",
     .timeout = "5s",
     .warning = "mismatch or total_ms > 1000",
     .critical = "not expected",
     .needs = "a way to port 53, UDP and TCP; allow-query for this machine",
     .asks = "one question of each server",
     .run_size = sizeof(struct resolve_run),
     .run = resolve_run,
     .ended = resolve_ended,
     .prepare = resolve_prepare},
    {0},
};

/* -------------------------------------------------------------- target ---- */

static const struct probe_option options[] = {
    {"url",
     PROBE_URL_AT(struct dns_config, url),
     .fallback = "",
     .help = "dns://SERVER:PORT/NAME, instead of `servers` and `name`"},
    {"servers",
     PROBE_LIST_AT(struct dns_config, servers),
     .fallback = "[]",
     .help = "whom to ask: 10.0.0.2, [fd00::2]:5353, ns1.example.org; default: /etc/resolv.conf's"},
    {"port",
     PROBE_INT_AT(struct dns_config, port),
     .fallback = "53",
     .min = 1,
     .max = 65535,
     .help = "of servers that are written without one"},
    {"name",
     PROBE_STRING_AT(struct dns_config, name),
     .fallback = "",
     .help = "what to ask for, whole: shop.example.org"},
    {0},
};

static int create(struct probe_target *self, struct probe_error *error)
{
    const struct dns_config *config = self->config;
    unsigned char question[MESSAGE_QUESTION];
    struct server server;
    const char *name = config->name ? config->name : resolve_name_of(config->url);
    if (config->url && strcmp(config->url->scheme, "dns") != 0)
        return probe_refuse(error, "url", "%.40s:// is not dns://", config->url->scheme);
    if (config->url && (!*config->url->host || !server_parse(config->url->host, 53, &server)))
        return probe_refuse(error, "url", "names no server, as dns://10.0.0.2/example.org does");
    if (config->url && config->servers && config->servers[0])
        return probe_refuse(error, "servers", "one is enough: `url` or `servers`");
    for (const char *const *item = config->servers; item && *item; item++)
        if (!server_parse(*item, SERVER_PORT, &server))
            return probe_refuse(error, "servers", "\"%.80s\" is no server", *item);
    if (name && !message_ask(question, 0, name, "A", true))
        return probe_refuse(error, config->name ? "name" : "url", "\"%.80s\" is no name", name);
    return 0;
}

static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "dns",
    .version = "1.0",
    .summary = "asks name servers: whether they answer, the same, and what is expected",
    .scheme = "dns",
    .where = PROBE_NODE,
    .options = options,
    .config_size = sizeof(struct dns_config),
    .parallel = 4,
    .checks = checks,
    .create = create,
};
PROBE_PLUGIN(plugin);
