#include "io/http_hop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "io/http_proxy.h"
#include "io/http_view.h"
#include "io/resolve.h"

enum {
    MAX_ADDRESSES = 16,
    MAX_AGE_SECONDS = 60,
    CONNECT_MS = 5000 /* each address gets its part of it; where the request sets no time */
};

static void send_hop(struct http_hop *hop);

static int64_t since_start(const struct http_hop *hop)
{
    return (int64_t)(loop_now_us(hop->loop) - hop->started_us);
}

/* ---------------------------------------------- within libcurl's calls ---- */

const char *http_hop_redirected(struct http_hop *hop)
{
    long code = http_view_ask(hop, CURLINFO_RESPONSE_CODE);
    bool points = code == 301 || code == 302 || code == 303 || code == 307 || code == 308;
    const char *location = NULL;
    if (hop->redirects && points)
        location = http_reply_header(&hop->reply, "location");
    return location && *location ? location : NULL;
}

static size_t on_line(char *line, size_t size, size_t count, void *data)
{
    struct http_hop *hop = data;
    if (http_reply_add_line(&hop->reply, line, size * count))
        return size * count;
    (void)error_set(&hop->error, -EMSGSIZE, "the answer's headers are longer than 64 KiB");
    return 0;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *data)
{
    struct http_hop *hop = data;
    size_t len = size * count;
    if (http_hop_redirected(hop)) /* what it says is for nobody */
        return len;
    text_add_n(&hop->reply.body, bytes, len);
    if (hop->reply.body.cut) {
        (void)error_set(
            &hop->error, -EMSGSIZE, "the answer is longer than %zu bytes", hop->reply.body.max);
        return 0;
    }
    if (hop->streams)
        transfer_has_news(&hop->transfer);
    return len;
}

static CURLcode on_context(CURL *easy, void *context, void *data)
{
    struct http_hop *hop = data;
    (void)easy;
    hop->securing_us = since_start(hop);
    http_trust_prepare(&hop->trust, context);
    return CURLE_OK;
}

static bool is_among(const char *address, const char *list)
{
    size_t len = strlen(address);
    for (; *list; list += strcspn(list, ","), list += *list == ',')
        if (strncmp(list, address, len) == 0 && (list[len] == ',' || list[len] == '\0'))
            return true;
    return false;
}

static enum http_trusted judge(struct http_hop *hop)
{
    const struct curl_tlssessioninfo *session = NULL;
    http_verdict_release(hop->verdict);
    hop->verdict = NULL;
    (void)curl_easy_getinfo(hop->transfer.easy, CURLINFO_TLS_SSL_PTR, &session);
    if (!session || !session->internals)
        return HTTP_UNFITTING;
    return http_trust_judge(&hop->trust, session->internals, &hop->verdict);
}

static void refuse(struct http_hop *hop)
{
    char problems[400];
    tls_peer_explain(http_verdict_peer(hop->verdict), problems, sizeof(problems));
    (void)error_set(&hop->error, -EACCES, "%s cannot be trusted: %s", hop->place.host, problems);
}

/*
 * A connection stands, new or kept, and nothing is sent yet.  libcurl keeps connections by name;
 * ours must also go to an address that was asked for, and be trusted by this request's settings.
 */
static int on_connected(void *data, char *address, char *local, int port, int local_port)
{
    struct http_hop *hop = data;
    enum http_trusted trusted = HTTP_TRUSTED;
    (void)local, (void)port, (void)local_port;
    hop->connections++;
    if (!hop->proxy.url && !is_among(address, hop->addresses.bytes))
        trusted = HTTP_UNFITTING;
    else if (hop->place.secure)
        trusted = judge(hop);
    if (trusted == HTTP_REFUSED)
        refuse(hop);
    hop->unfit = trusted == HTTP_UNFITTING;
    hop->connected = trusted == HTTP_TRUSTED;
    return hop->connected ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* ------------------------------------------------------------- sending ---- */

static void on_news(struct transfer *transfer)
{
    struct http_hop *hop = container_of(transfer, struct http_hop, transfer);
    hop->on_news(hop);
}

/* See transfer_begin(); libcurl also counts in the handle how often it has tried again, for ever. */
static bool went_as_usual(const struct http_hop *hop)
{
    return !hop->fresh && !hop->proxy.url && http_wish_is_usual(&hop->wish) &&
           hop->connections == 1 && http_view_ask(hop, CURLINFO_NUM_CONNECTS) == 0;
}

static void on_done(struct transfer *transfer, CURLcode code)
{
    struct http_hop *hop = container_of(transfer, struct http_hop, transfer);
    if (hop->unfit && !hop->fresh) { /* a kept one: now a new one, which nobody else gets */
        hop->fresh = true;
        transfer_end(transfer, hop->pool);
        send_hop(hop);
        return;
    }
    if (code != CURLE_OK && hop->error.code == 0)
        http_view_explain(hop, code);
    transfer->usual = code == CURLE_OK && went_as_usual(hop);
    hop->on_done(hop);
}

/* Verification is ours: see http_trust.h.  A resumed session would show an old certificate. */
static void tell_tls(CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
}

/* What goes for every hop; see transfer_begin(). */
static void tell_common(CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    (void)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, (long)MAX_AGE_SECONDS);
    (void)curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)MAX_AGE_SECONDS);
    (void)curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)MAX_AGE_SECONDS);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    tell_tls(easy);
    http_wish_tell_common(easy);
}

static void tell_proxy(const struct http_hop *hop, CURL *easy)
{
    if (!hop->proxy.url)
        return;
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, hop->proxy.url);
    if (hop->proxy.user) {
        (void)curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, hop->proxy.user);
        (void)curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, hop->proxy.password);
    }
}

static void tell_connection(struct http_hop *hop, CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_RESOLVE, hop->entry);
    (void)curl_easy_setopt(
        easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(hop->timeout_ms ? hop->timeout_ms : CONNECT_MS));
    if (hop->fresh) {
        (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    }
    tell_proxy(hop, easy);
}

static void tell_data(struct http_hop *hop, CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, hop->detail);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, hop);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, hop);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, hop);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, hop);
}

static void send_hop(struct http_hop *hop)
{
    struct transfer *transfer = &hop->transfer;
    transfer->on_done = on_done;
    transfer->on_news = on_news;
    hop->connected = hop->unfit = false;
    hop->connections = 0;
    hop->securing_us = 0;
    hop->detail[0] = '\0';
    transfer_begin(transfer, hop->pool, tell_common);
    CURL *easy = transfer->easy;
    (void)curl_easy_setopt(easy, CURLOPT_URL, hop->place.url);
    tell_data(hop, easy);
    tell_connection(hop, easy);
    http_wish_tell(&hop->wish, &hop->place, easy);
    hop->sent_us = loop_now_us(hop->loop);
    transfer_start(transfer, hop->pool, hop->place.host);
}

/* In one form for each address, so that they can be compared; of IPv4 inet_pton() takes but one. */
static void add_address(struct http_hop *hop, const char *address)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    char shown[INET6_ADDRSTRLEN];
    int family = strchr(address, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, address, bytes) != 1)
        return;
    if (family == AF_INET6)
        address = inet_ntop(family, bytes, shown, sizeof(shown));
    if (!*hop->first_address)
        (void)stpncpy(hop->first_address, address, sizeof(hop->first_address) - 1);
    text_add(&hop->addresses, hop->addresses.len ? "," : "");
    text_add(&hop->addresses, address);
}

/* A numeric host needs no entry where it is its own address; an IPv6 one would not even be read. */
static void tell_addresses(struct http_hop *hop, const struct http_place *place)
{
    unsigned char bytes[sizeof(struct in_addr)];
    bool own = strcmp(place->host, hop->addresses.bytes) == 0;
    curl_slist_free_all(hop->entry);
    hop->entry = NULL;
    if (!own && inet_pton(AF_INET, place->host, bytes) == 1)
        http_pool_note_detour(hop->pool);
    if (strchr(place->host, ':') || (own && !http_pool_has_detours(hop->pool)))
        return;
    MEM_AUTO char *entry = mem_print("+%s:%u:%s", place->host, place->port, hop->addresses.bytes);
    hop->entry = curl_slist_append(NULL, entry);
}

static void on_addresses(int status, const char *const *addresses, size_t count, void *data)
{
    struct http_hop *hop = data;
    const struct http_place *place = hop->proxy.url ? &hop->proxy : &hop->place;
    if (status < 0) {
        (void)error_set(&hop->error, status, "%s: %s", place->host, resolve_problem(status));
        hop->on_done(hop);
        return;
    }
    hop->looking = false;
    hop->resolved_us = since_start(hop);
    for (size_t i = 0; i < count && i < MAX_ADDRESSES; i++)
        add_address(hop, addresses[i]);
    tell_addresses(hop, place);
    send_hop(hop);
}

/* Finds out whom to connect to and how; whatever is wrong stands in hop->error then. */
static void prepare(struct http_hop *hop)
{
    bool numeric = strchr(hop->place.host, ':') != NULL;
    if (hop->address && numeric && strcmp(hop->address, hop->place.host) != 0) {
        (void)error_set(&hop->error, -EINVAL, "a numeric host has no other address");
        return;
    }
    if (http_pool_uses_proxies(hop->pool) && !hop->address &&
        http_proxy_find(&hop->proxy, &hop->place, &hop->error) < 0)
        return;
    if (hop->place.secure)
        (void)http_trust_take(&hop->trust, hop->tls, hop->place.host, &hop->error);
}

static void on_failed(void *data)
{
    struct http_hop *hop = data;
    hop->on_done(hop);
}

void http_hop_start(struct http_hop *hop)
{
    if (hop->error.code == 0)
        prepare(hop);
    if (hop->error.code < 0) {
        timer_start(&hop->failed, hop->loop, 0, on_failed, hop);
    } else if (hop->proxy.url) {
        hop->looking = true;
        (void)resolve_start(&hop->own, hop->proxy.host, 0, on_addresses, hop);
    } else { /* numeric ones too: they are answered later, and in one form */
        const char *name = hop->address ? hop->address : hop->place.host;
        hop->looking = true;
        (void)resolve_start(&hop->own, name, hop->family, on_addresses, hop);
    }
}

/* ---------------------------------------------------------------- life ---- */

void http_hop_init(struct http_hop *hop, struct loop *loop, size_t max_body)
{
    *hop = (struct http_hop){.loop = loop, .pool = http_pool_of(loop)};
    life_init(&hop->own, loop);
    http_reply_init(&hop->reply, max_body);
    text_init(&hop->addresses, (size_t)MAX_ADDRESSES * INET6_ADDRSTRLEN);
    hop->started_us = hop->sent_us = loop_now_us(loop);
}

void http_hop_reset(struct http_hop *hop)
{
    timer_stop(&hop->failed);
    life_drop(&hop->own);
    life_init(&hop->own, hop->loop);
    transfer_end(&hop->transfer, hop->pool);
    http_verdict_release(hop->verdict);
    http_trust_release(&hop->trust);
    http_reply_reset(&hop->reply);
    http_place_finish(&hop->proxy);
    curl_slist_free_all(hop->entry);
    text_cut_to(&hop->addresses, 0);
    hop->verdict = NULL;
    hop->entry = NULL;
    hop->first_address[0] = '\0';
    hop->looking = hop->connected = hop->unfit = false;
}

void http_hop_finish(struct http_hop *hop)
{
    http_hop_reset(hop);
    http_reply_finish(&hop->reply);
    text_finish(&hop->addresses);
    http_place_finish(&hop->place);
    http_wish_finish(&hop->wish);
    free(hop->address);
    hop->address = NULL;
}
