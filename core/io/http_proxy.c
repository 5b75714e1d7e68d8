#include "io/http_proxy.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"

static const char *variable(const char *lower, const char *upper)
{
    const char *value = getenv(lower);
    if (!value && upper)
        value = getenv(upper);
    return value && *value ? value : NULL;
}

/* Whether both begin with the same `bits`. */
static bool same_network(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned bytes = bits / 8, rest = bits % 8;
    return memcmp(a, b, bytes) == 0 &&
           (rest == 0 || ((a[bytes] ^ b[bytes]) & (0xFF00u >> rest & 0xFF)) == 0);
}

/* "10.0.0.0/8" or "10.1.2.3" against an address. */
static bool in_network(const char *network, const char *host)
{
    unsigned char a[sizeof(struct in6_addr)], b[sizeof(struct in6_addr)];
    size_t len = strcspn(network, "/");
    MEM_AUTO char *address = mem_copy_n(network, len);
    int family = strchr(host, ':') ? AF_INET6 : AF_INET;
    unsigned whole = family == AF_INET6 ? 128 : 32;
    unsigned bits = network[len] == '/' ? (unsigned)strtoul(network + len + 1, NULL, 10) : whole;
    return bits <= whole && inet_pton(family, address, a) == 1 && inet_pton(family, host, b) == 1 &&
           same_network(a, b, bits);
}

/* "example.org" and ".example.org": it and all under it. */
static bool in_domain(const char *domain, const char *host)
{
    domain += *domain == '.';
    size_t longer = strlen(host), len = strlen(domain);
    return len && longer >= len && strcasecmp(host + longer - len, domain) == 0 &&
           (longer == len || host[longer - len - 1] == '.');
}

static bool is_exempt(const char *list, const char *host)
{
    bool exempt = false;
    while (list && *list && !exempt) {
        size_t len = strcspn(list, ", ");
        MEM_AUTO char *item = mem_copy_n(list, len);
        exempt = strcmp(item, "*") == 0 || in_network(item, host) || in_domain(item, host);
        list += len + strspn(list + len, ", ");
    }
    return exempt;
}

int http_proxy_find(struct http_place *proxy, const struct http_place *target, struct error *error)
{
    /* HTTP_PROXY is what a CGI server makes of a visitor's header "Proxy": never read. */
    const char *value =
        target->secure ? variable("https_proxy", "HTTPS_PROXY") : variable("http_proxy", NULL);
    if (!value)
        value = variable("all_proxy", "ALL_PROXY");
    if (!value || is_exempt(variable("no_proxy", "NO_PROXY"), target->host))
        return 0;
    MEM_AUTO char *url = mem_print(strstr(value, "://") ? "%s" : "http://%s", value);
    struct probe_request request = {.size = sizeof(request), .url = url};
    if (http_place_make(proxy, &request, error) < 0)
        return error_set(error, -EINVAL, "the proxy in the environment is not a URL");
    if (proxy->secure) {
        http_place_finish(proxy);
        return error_set(error, -EINVAL, "the proxy in the environment must be an http:// URL");
    }
    return 1;
}
