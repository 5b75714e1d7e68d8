/*
 * A request is a hop, and another one for each redirect that is followed; its life may end it at
 * any moment between, and so may whoever takes its chunks.
 */
#include "io/http.h"

#include <errno.h>

#include "base/mem.h"
#include "io/http_hop.h"
#include "io/http_view.h"
#include "io/wait.h"

enum {
    DEFAULT_MAX_BODY = 256 * 1024,
    MAX_CHUNKS = 8 * 1024 * 1024 /* that libcurl may read in one go; it stops at 100 buffers */
};

struct request {
    struct op op;
    struct http_hop hop;
    struct timer limit;
    probe_http_fn *fn;
    int (*on_chunk)(const struct probe_response *, const char *, size_t, void *);
    void *data;
    int redirects; /* followed so far */
    bool *gone;    /* set where the request is freed within on_chunk() */
};

/* ------------------------------------------------------------- the end ---- */

static void destroy(struct request *request)
{
    timer_stop(&request->limit);
    if (request->gone)
        *request->gone = true;
    http_hop_finish(&request->hop);
    free(request);
}

/* Calls back with what stands in the hop; the op has left its life. */
static void call_back(struct request *request)
{
    struct http_view view;
    http_view_make(&view, &request->hop);
    BLAME(request->op.life->owner,
          request->fn(request->hop.error.code, &view.response, request->data));
    http_view_finish(&view);
    destroy(request);
}

static void finish(struct request *request)
{
    op_leave(&request->op);
    call_back(request);
}

static void request_end(struct op *op, int status)
{
    struct request *request = container_of(op, struct request, op);
    http_view_explain_end(&request->hop, status);
    call_back(request);
}

static void request_drop(struct op *op)
{
    destroy(container_of(op, struct request, op));
}

static const struct op_kind request_kind = {"http", request_end, request_drop};

static void on_limit(void *data)
{
    struct request *request = data;
    op_leave(&request->op);
    request_end(&request->op, -ETIMEDOUT);
}

/* ------------------------------------------------------------ redirects ---- */

/*
 * Where the answer points to, in `*next`.  False: the answer stands as it is, for better or, with
 * hop->error, for worse.
 */
static bool find_next(struct request *request, struct http_place *next)
{
    struct http_hop *hop = &request->hop;
    const char *location = http_hop_redirected(hop);
    struct error error;
    if (hop->error.code < 0 || !location)
        return false;
    if (request->redirects == hop->redirects) {
        (void)error_set(&hop->error, -ELOOP, "it redirects more than %d times", hop->redirects);
        return false;
    }
    if (http_place_follow(next, &hop->place, location, &error) < 0) {
        (void)error_set(&hop->error, -EPROTO, "it redirects to nowhere: %s", error.message);
        return false;
    }
    return true;
}

static bool follow(struct request *request)
{
    struct http_hop *hop = &request->hop;
    struct http_place next = {0};
    if (!find_next(request, &next))
        return false;
    int code = (int)http_view_ask(hop, CURLINFO_RESPONSE_CODE);
    bool leaves = !http_place_same_origin(&hop->place, &next);
    bool carries = hop->wish.body && !http_wish_becomes_get(&hop->wish, code);
    if (leaves && carries) { /* 307, 308: what was meant for one is not for another */
        http_place_finish(&next);
        return false;
    }
    http_hop_reset(hop);
    http_wish_redirect(&hop->wish, code);
    if (leaves) {
        http_wish_leave_origin(&hop->wish);
        free(hop->address);
        hop->address = NULL;
    }
    http_place_finish(&hop->place);
    hop->place = next;
    request->redirects++;
    http_hop_start(hop);
    return true;
}

static void on_done(struct http_hop *hop)
{
    struct request *request = container_of(hop, struct request, hop);
    if (!follow(request))
        finish(request);
}

/* --------------------------------------------------------------- chunks ---- */

static void on_news(struct http_hop *hop)
{
    struct request *request = container_of(hop, struct request, hop);
    size_t len = hop->reply.body.len;
    MEM_AUTO char *bytes = text_take(&hop->reply.body);
    struct http_view view;
    bool gone = false;
    request->gone = &gone;
    http_view_make(&view, hop);
    int status = 0;
    BLAME(request->op.life->owner,
          status = request->on_chunk(&view.response, bytes, len, request->data));
    http_view_finish(&view);
    if (gone)
        return;
    request->gone = NULL;
    if (status < 0) {
        (void)error_set(&hop->error, status, "the receiver ended the request");
        finish(request);
    }
}

/* ---------------------------------------------------------------- start ---- */

static void take(struct http_hop *hop, const struct probe_request *asked)
{
    hop->tls = asked->tls;
    hop->address = mem_copy(asked->address);
    hop->family = asked->family;
    hop->redirects = asked->redirects;
    hop->fresh = asked->fresh;
    hop->streams = asked->on_chunk != NULL;
    hop->timeout_ms = asked->timeout_ms;
    hop->on_done = on_done;
    hop->on_news = on_news;
    if (http_place_make(&hop->place, asked, &hop->error) == 0)
        (void)http_wish_make(&hop->wish, asked, &hop->place, &hop->error);
}

struct op *http_send(struct life *life, const struct probe_request *asked, probe_http_fn *fn,
                     void *data)
{
    struct request *request = mem_new(sizeof(*request));
    struct http_hop *hop = &request->hop;
    int64_t max_body = asked->max_body > 0 ? asked->max_body : DEFAULT_MAX_BODY;
    request->fn = fn;
    request->on_chunk = asked->on_chunk;
    request->data = data;
    http_hop_init(hop, life->loop, asked->on_chunk ? MAX_CHUNKS : (size_t)max_body);
    op_begin(&request->op, life, &request_kind);
    take(hop, asked);
    if (life->ended)
        http_view_explain_end(hop, -ECANCELED);
    if (asked->timeout_ms > 0)
        timer_start(&request->limit, life->loop, (uint64_t)asked->timeout_ms, on_limit, request);
    http_hop_start(hop);
    return &request->op;
}
