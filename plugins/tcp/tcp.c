/*
 * tcp - what the plugin knows, as tables.  It connects in connect.c; what failures mean stands in
 * trouble.c.
 */
#include "tcp.h"

#include <string.h>

#include "trouble.h"

/* ------------------------------------------------------------- connect ---- */

static const struct probe_option connect_options[] = {
    {"send",
     PROBE_STRING_AT(struct connect_config, send),
     .fallback = "",
     .help = "said once connected: \"PING\\r\\n\""},
    {"expect",
     PROBE_STRING_AT(struct connect_config, expect),
     .fallback = "",
     .help = "an extended regular expression (POSIX) that the answer must match; without `send` "
             "the greeting"},
    {"ip",
     PROBE_STRING_AT(struct connect_config, ip),
     .fallback = "any",
     .choices = connect_ips,
     .help = "the family to connect by; both: IPv4 and IPv6 are a subject each"},
    {"addresses",
     PROBE_STRING_AT(struct connect_config, addresses),
     .fallback = "any",
     .choices = connect_addresses,
     .help = "all: each address of the name is a subject; any: the first that answers"},
    {"max_answer",
     PROBE_BYTES_AT(struct connect_config, max_answer),
     .fallback = "4KiB",
     .min = 1,
     .max = 64 << 10,
     .help = "how much of the answer is read to find `expect` in it"},
    {0},
};

static const struct probe_measure connect_measures[] = {
    {"expected",
     "whether it could be connected to, and answered as `expect` says",
     .kind = PROBE_FLAG},
    {"error_class", "what is wrong", .kind = PROBE_WORD, .words = trouble_classes},
    {"total_ms", "from the start to the connection, or to the answer", .kind = PROBE_GAUGE},
    {"dns_ms", "to look the name up", .kind = PROBE_GAUGE, .optional = true},
    {"connect_ms", "to connect", .kind = PROBE_GAUGE, .optional = true},
    {"tls_ms", "to shake hands", .kind = PROBE_GAUGE, .optional = true},
    {"first_byte_ms",
     "from being connected to the answer's first byte",
     .kind = PROBE_GAUGE,
     .optional = true},
    {0},
};

static const struct probe_check checks[] = {
    {.name = "connect",
     .title = "nobody can connect, or what answers is not the service",
     .since = "0.1",
     .options = connect_options,
     .config_size = sizeof(struct connect_config),
     .measures = connect_measures,
     .every = "15s",
     .timeout = "3s",
     .warning = "connect_ms > 500",
     .critical = "not expected",
     .needs = "a way to the port; for a Unix socket the right to write to it",
     .asks = "a connection, with tcp+tls:// a handshake; then `send`, where it is written",
     .memory_size = sizeof(struct connect_memory),
     .run_size = sizeof(struct connect_run),
     .run = connect_run,
     .ended = connect_ended,
     .prepare = connect_prepare,
     .forget = connect_forget},
    {0},
};

/* -------------------------------------------------------------- target ---- */

static const struct probe_option options[] = {
    {"url",
     PROBE_URL_AT(struct tcp_config, url),
     .help = "tcp://HOST:PORT, tcp+tls://HOST:PORT, unix:///run/app.sock"},
    {"tls",
     PROBE_TLS_AT(struct tcp_config, tls),
     .fallback = "",
     .help = "whom to trust, and what to show"},
    {0},
};

bool tcp_is_local(const struct probe_url *url)
{
    return strcmp(url->scheme, "unix") == 0;
}

bool tcp_is_safe(const struct probe_url *url)
{
    return strcmp(url->scheme, "tcp+tls") == 0;
}

static int create(struct probe_target *self, struct probe_error *error)
{
    const struct tcp_config *config = self->config;
    const struct probe_url *url = config->url;
    if (tcp_is_local(url))
        return url->path && *url->path
                   ? 0
                   : probe_refuse(error, "url", "names no socket, as unix:///run/app.sock does");
    if (!tcp_is_safe(url) && strcmp(url->scheme, "tcp") != 0)
        return probe_refuse(
            error, "url", "%.40s:// is none of tcp://, tcp+tls:// and unix://", url->scheme);
    if (!*url->host || *url->host == '/')
        return probe_refuse(error, "url", "names no host, as tcp://db:5432 does");
    if (!url->port)
        return probe_refuse(error, "url", "names no port, as tcp://db:5432 does");
    return 0;
}

static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "tcp",
    .version = "1.0",
    .summary = "whether a port or a Unix socket takes connections, and what it says",
    .scheme = "tcp,tcp+tls,unix",
    .where = PROBE_NODE,
    .options = options,
    .config_size = sizeof(struct tcp_config),
    .parallel = 4,
    .checks = checks,
    .create = create,
};
PROBE_PLUGIN(plugin);
