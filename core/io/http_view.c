#include "io/http_view.h"

#include <errno.h>
#include <string.h>

#include "base/redact.h"
#include "io/http_fault.h"
#include "io/loop.h"

enum { MAX_URL = 64 * 1024 };

static int64_t ask_us(const struct http_hop *hop, CURLINFO what)
{
    curl_off_t value = 0;
    if (hop->transfer.easy)
        (void)curl_easy_getinfo(hop->transfer.easy, what, &value);
    return (int64_t)value;
}

long http_view_ask(const struct http_hop *hop, CURLINFO what)
{
    long value = 0;
    if (hop->transfer.easy)
        (void)curl_easy_getinfo(hop->transfer.easy, what, &value);
    return value;
}

static enum probe_stage stage_of(const struct http_hop *hop)
{
    if (hop->looking)
        return PROBE_RESOLVING;
    if (!hop->transfer.easy)
        return (enum probe_stage)0;
    if (hop->reply.begun)
        return PROBE_RECEIVING;
    if (hop->connected) {
        bool sent = http_view_ask(hop, CURLINFO_REQUEST_SIZE) > 0 &&
                    ask_us(hop, CURLINFO_SIZE_UPLOAD_T) >= (int64_t)hop->wish.body_len;
        return sent ? PROBE_WAITING : PROBE_SENDING;
    }
    return hop->securing_us ? PROBE_SECURING : PROBE_CONNECTING;
}

static struct probe_timing timing_of(const struct http_hop *hop)
{
    struct probe_timing us = {.total = (int64_t)(loop_now_us(hop->loop) - hop->started_us)};
    int64_t before = (int64_t)(hop->sent_us - hop->started_us);
    int64_t connect = ask_us(hop, CURLINFO_CONNECT_TIME_T);
    int64_t tls = ask_us(hop, CURLINFO_APPCONNECT_TIME_T);
    int64_t first_byte = ask_us(hop, CURLINFO_STARTTRANSFER_TIME_T);
    bool reused = hop->connected && http_view_ask(hop, CURLINFO_NUM_CONNECTS) == 0;
    us.resolve = reused ? 0 : hop->resolved_us;
    us.connect = hop->securing_us ? hop->securing_us : connect > 0 ? before + connect : 0;
    us.tls = tls > 0 ? before + tls : 0;
    us.first_byte = hop->reply.begun && first_byte > 0 ? before + first_byte : 0;
    return us;
}

static struct probe_peer peer_of(const struct http_hop *hop)
{
    struct probe_peer peer = {0};
    char *address = NULL;
    if (hop->verdict)
        peer = http_verdict_peer(hop->verdict)->face;
    if (hop->transfer.easy)
        (void)curl_easy_getinfo(hop->transfer.easy, CURLINFO_PRIMARY_IP, &address);
    if (address && *address)
        peer.address = address;
    else if (*hop->first_address)
        peer.address = hop->first_address;
    if (peer.address)
        peer.port = hop->proxy.url ? hop->proxy.port : hop->place.port;
    return peer;
}

void http_view_make(struct http_view *view, struct http_hop *hop)
{
    text_init(&view->url, MAX_URL);
    text_init(&view->message, 2 * sizeof(hop->error.message));
    if (hop->place.url)
        redact_add(&view->url, hop->place.url, strlen(hop->place.url));
    redact_add(&view->message, hop->error.message, strlen(hop->error.message));
    view->peer = peer_of(hop);
    view->response = (struct probe_response){
        .code = (int)http_view_ask(hop, CURLINFO_RESPONSE_CODE),
        .headers = http_reply_headers(&hop->reply),
        .body = hop->streams ? "" : hop->reply.body.bytes,
        .body_len = hop->streams ? 0 : hop->reply.body.len,
        .us = timing_of(hop),
        .peer = &view->peer,
        .url = view->url.bytes,
        .version = http_view_ask(hop, CURLINFO_HTTP_VERSION) == CURL_HTTP_VERSION_2_0 ? 2 : 1,
    };
    if (hop->error.code < 0) {
        view->response.stage = stage_of(hop);
        view->response.message = view->message.bytes;
    }
}

void http_view_finish(struct http_view *view)
{
    text_finish(&view->url);
    text_finish(&view->message);
}

/* ---------------------------------------------------------- what failed ---- */

/* "db.example.org (10.0.0.7) port 443" */
static struct http_fault fault_of(const struct http_hop *hop, char *room, size_t size)
{
    const struct http_place *place = hop->proxy.url ? &hop->proxy : &hop->place;
    struct probe_peer peer = peer_of(hop);
    const char *host = place->host ? place->host : "the host";
    if (peer.address && strcmp(peer.address, host) != 0)
        (void)snprintf(room, size, "%s (%s) port %u", host, peer.address, place->port);
    else
        (void)snprintf(room, size, "%s port %u", host, place->port);
    return (struct http_fault){.stage = stage_of(hop),
                               .peer = room,
                               .body_len = hop->reply.body.len,
                               .detail = hop->detail,
                               .os_error = (int)http_view_ask(hop, CURLINFO_OS_ERRNO)};
}

void http_view_explain(struct http_hop *hop, CURLcode code)
{
    char room[400];
    struct http_fault fault = fault_of(hop, room, sizeof(room));
    (void)http_fault_explain(code, &fault, &hop->error);
}

void http_view_explain_end(struct http_hop *hop, int status)
{
    char room[400];
    struct http_fault fault = fault_of(hop, room, sizeof(room));
    (void)http_fault_ended(status, &fault, &hop->error);
}
