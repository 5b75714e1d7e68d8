#include "io/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/resolve.h"

static const char *find_problem(const struct probe_endpoint *wish)
{
    int numeric = wish->address ? resolve_numeric(wish->address) : 0;
    if ((unsigned)wish->safety > PROBE_SHOWN_LATER) /* never in clear by mistake */
        return "this agent does not know how safe the stream is to be";
    if (wish->path)
        return NULL;
    if (!wish->host && !wish->address)
        return "a stream needs a host, an address or a path";
    if (wish->port == 0)
        return "a stream needs a port";
    if (wish->address && !numeric)
        return "the address to connect to is not numeric";
    if (numeric && wish->family && wish->family != numeric)
        return "the address to connect to is of the other family";
    return NULL;
}

static void add_alpn(struct endpoint *endpoint, const char *const *names)
{
    for (; names && *names; names++) {
        size_t len = strlen(*names);
        if (len == 0 || endpoint->alpn_len + 1 + len > sizeof(endpoint->alpn))
            continue;
        endpoint->alpn[endpoint->alpn_len++] = (unsigned char)len;
        memcpy(endpoint->alpn + endpoint->alpn_len, *names, len);
        endpoint->alpn_len += len;
    }
}

const char *endpoint_init(struct endpoint *endpoint, const struct probe_endpoint *wish)
{
    *endpoint = (struct endpoint){
        .host = mem_copy(wish->host),
        .address = mem_copy(wish->address),
        .path = mem_copy(wish->path),
        .port = wish->path ? 0 : wish->port,
        .family = wish->family,
        .safety = wish->safety,
        .tls = wish->tls,
        .tls_lowest = wish->tls_lowest,
        .tls_highest = wish->tls_highest,
        .timeout_ms = wish->timeout_ms,
        .max_reply = wish->max_reply > 0 ? wish->max_reply : ENDPOINT_REPLY_MAX,
    };
    add_alpn(endpoint, wish->alpn);
    return find_problem(wish);
}

void endpoint_finish(struct endpoint *endpoint)
{
    free(endpoint->host);
    free(endpoint->address);
    free(endpoint->path);
    memset(endpoint, 0, sizeof(*endpoint));
}

const char *endpoint_whom(const struct endpoint *endpoint)
{
    if (endpoint->path)
        return endpoint->path;
    if (endpoint->host)
        return endpoint->host;
    return endpoint->address ? endpoint->address : "nobody";
}

bool endpoint_secures_later(const struct endpoint *endpoint)
{
    return endpoint->safety == PROBE_SAFE_LATER || endpoint->safety == PROBE_SHOWN_LATER;
}

bool endpoint_secures_first(const struct endpoint *endpoint)
{
    return endpoint->safety == PROBE_SAFE || endpoint->safety == PROBE_SHOWN;
}

bool endpoint_goes_on(const struct endpoint *endpoint)
{
    return endpoint->safety == PROBE_SHOWN || endpoint->safety == PROBE_SHOWN_LATER;
}
