#include "server.h"

#include <string.h>
#include <strings.h>

enum { HTTP = 8123, HTTPS = 8443, NATIVE = 9000, NATIVE_TLS = 9440 };

static bool given(const char *text)
{
    return text && *text;
}

/* "secure=true" of "/orders?secure=true", as several drivers have it. */
static bool asks_for_tls(const char *path)
{
    static const char *const words[] = {"secure=true", "secure=1", "ssl=true", "ssl=1"};
    const char *query = strchr(path, '?');
    for (size_t i = 0; query && i < sizeof(words) / sizeof(*words); i++) {
        const char *at = strcasestr(query, words[i]);
        if (at && strchr("?&", at[-1]) && strchr("&", at[strlen(words[i])]))
            return true;
    }
    return false;
}

/* With the schemes of drivers, 9000 and 9440 are the native protocol's: HTTP is beside them. */
static uint16_t port_of(const struct probe_url *url, bool plain_http, bool tls)
{
    bool native = url->port == NATIVE || url->port == NATIVE_TLS;
    if (native && !plain_http)
        return tls ? HTTPS : HTTP;
    return url->port ? url->port : tls ? HTTPS : HTTP;
}

/* "orders" of "/orders?secure=true". */
static bool read_database(struct server *server, const struct server_options *options)
{
    const char *path = options->url->path ? options->url->path : "";
    path += *path == '/';
    size_t len = strcspn(path, "?");
    bool in_url = len > 0 && !given(options->database);

    (void)snprintf(server->database,
                   sizeof(server->database),
                   "%.*s",
                   in_url ? (int)len : (int)strlen(options->database ? options->database : ""),
                   in_url              ? path
                   : options->database ? options->database
                                       : "");
    return !memchr(path, '/', len) && len < sizeof(server->database);
}

int server_open(struct server *ret, const struct probe_target *target, struct probe_error *error)
{
    const struct server_options *options = target->config;
    const struct probe_url *url = options->url;
    bool https = strcmp(url->scheme, "https") == 0 || strcmp(url->scheme, "clickhouses") == 0;
    bool http = strncmp(url->scheme, "http", 4) == 0;
    bool tls = https || (!http && (options->tls || url->port == NATIVE_TLS || url->port == HTTPS ||
                                   asks_for_tls(url->path)));
    const char *user = given(options->user) ? options->user : url->user;

    if (!http && strncmp(url->scheme, "clickhouse", 10) != 0)
        return probe_refuse(
            error, "url", "begins with none of http://, https://, clickhouse://, clickhouses://");
    if (!given(url->host))
        return probe_refuse(error, "url", "names no host, as http://db:8123 does");
    if (!read_database(ret, options))
        return probe_refuse(error, "url", "has a path that is no database's name, as /orders is");
    (void)snprintf(ret->base,
                   sizeof(ret->base),
                   strchr(url->host, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
                   tls ? "https" : "http",
                   url->host,
                   (unsigned)port_of(url, http, tls));
    (void)snprintf(ret->user, sizeof(ret->user), "%s", given(user) ? user : "default");
    ret->password = options->password ? options->password : url->password;
    ret->tls = options->tls;
    return survey_open(&ret->survey) ? 0 : probe_refuse(error, NULL, "out of memory");
}

void server_close(struct server *server)
{
    survey_close(&server->survey);
}
