#include "server.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_six(const char *host)
{
    unsigned char room[16];
    char plain[64];
    size_t len = strcspn(host, "%"); /* "fe80::1%eth0" */
    if (len >= sizeof(plain))
        return false;
    (void)snprintf(plain, sizeof(plain), "%.*s", (int)len, host);
    return inet_pton(AF_INET6, plain, room) == 1;
}

bool server_is_numeric(const struct server *server)
{
    unsigned char room[16];
    return inet_pton(AF_INET, server->host, room) == 1 || is_six(server->host);
}

static bool read_port(const char *text, uint16_t *ret_port)
{
    char *end;
    long port = strtol(text, &end, 10);
    if (end == text || *end || port < 1 || port > 65535)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* Host and port of "[host]:port" and "host:port"; the port may be missing. */
static bool split(const char *text, size_t *ret_from, size_t *ret_len, const char **ret_port)
{
    const char *close = strchr(text, ']'), *colon;
    bool bracket = *text == '[';
    *ret_from = bracket;
    *ret_port = NULL;
    if (bracket && (!close || (close[1] && close[1] != ':')))
        return false;
    if (bracket) {
        *ret_len = (size_t)(close - text) - 1;
        *ret_port = close[1] ? close + 2 : NULL;
    } else if (is_six(text) || !(colon = strchr(text, ':'))) {
        *ret_len = strlen(text);
    } else {
        *ret_len = (size_t)(colon - text);
        *ret_port = colon + 1;
    }
    return true;
}

bool server_parse(const char *text, uint16_t port, struct server *ret_server)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t from, len;
    const char *after;
    ret_server->port = port;
    if (!split(text, &from, &len, &after) || len == 0 || len >= sizeof(ret_server->host) ||
        (after && !read_port(after, &ret_server->port)))
        return false;
    (void)snprintf(ret_server->host, sizeof(ret_server->host), "%.*s", (int)len, text + from);
    return is_six(ret_server->host) || strspn(ret_server->host, allowed) == len;
}

size_t server_read_file(const char *text, struct server *servers, size_t most)
{
    static const char word[] = "nameserver";
    size_t count = 0;
    while (*text && count < most) {
        char host[64];
        text += strspn(text, " \t");
        if (strncmp(text, word, sizeof(word) - 1) == 0 &&
            sscanf(text + sizeof(word) - 1, " %63[0-9a-zA-Z.:%]", host) == 1 &&
            server_parse(host, SERVER_PORT, &servers[count]) && server_is_numeric(&servers[count]))
            count++;
        size_t len = strcspn(text, "\n");
        text += len + (text[len] == '\n');
    }
    return count;
}
