#include "out/each.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/redact.h"
#include "io/http.h"
#include "io/http_after.h"
#include "io/loop.h"
#include "io/secret.h"
#include "io/wait.h"
#include "out/progress.h"

enum { LONGEST_BODY = 4 << 20, LONGEST_MESSAGE = 240, MOST_HEADERS = 68 };

struct each {
    struct each_wish wish;
    char *name;
    struct life life;
    struct timer later; /* an answer that needs no request */
    char *lines;
    struct view rest, line; /* of the parcel: what comes next, what is under way ... */
    size_t at;              /* ... and which of its events that is, from 1 on */
    struct progress progress;
    sink_carried_fn *fn;
    void *data;
};

static void answer(struct each *each, const struct sink_answer *result)
{
    sink_carried_fn *fn = each->fn;
    if (result->verdict == SINK_TAKEN)
        progress_taken(&each->progress);
    each->fn = NULL;
    free(each->lines);
    each->lines = NULL;
    fn(result, each->data);
}

/* ------------------------------------------------------------ one by one ---- */

static void next(void *data);

static enum sink_verdict verdict_of(int code)
{
    return code / 100 == 2              ? SINK_TAKEN
           : code == 400 || code == 422 ? SINK_REFUSED
           : code == 413                ? SINK_TOO_BIG
                                        : SINK_LATER;
}

static const char *header_of(const struct probe_response *response, const char *name)
{
    for (const struct probe_pair *pair = response->headers; pair && pair->name; pair++)
        if (strcasecmp(pair->name, name) == 0)
            return pair->value;
    return NULL;
}

static void on_reply(int status, const struct probe_response *response, void *data)
{
    struct each *each = data;
    if (status == -ECANCELED)
        return;
    struct sink_answer result = {.verdict = SINK_LATER};
    if (status == 0)
        result.verdict = verdict_of(response->code);
    if (result.verdict == SINK_TAKEN) {
        each->progress.events[each->at - 1].done = true;
        next(each);
        return;
    }
    MEM_AUTO char *body = redact_copy(response->body ? response->body : "", LONGEST_MESSAGE / 2);
    MEM_AUTO char *message =
        status == 0 ? mem_print("it answered HTTP %d%s%s", response->code, *body ? ": " : "", body)
                    : mem_copy(response->message ? response->message : strerror(-status));
    result.message = message;
    if (result.verdict == SINK_LATER)
        result.after_ms =
            http_after_ms(header_of(response, "retry-after"), loop_wall_ms(each->wish.loop));
    answer(each, &result);
}

/* The operator's own Content-Type goes instead of ours. */
static void collect_headers(const struct each_wish *wish, struct probe_pair *pairs)
{
    size_t count = 0;
    bool typed = false;
    const struct probe_pair *more = wish->headers;
    for (; more && more->name && count < MOST_HEADERS - 2; more++) {
        typed = typed || strcasecmp(more->name, "content-type") == 0;
        pairs[count++] = *more;
    }
    if (!typed)
        pairs[count++] = (struct probe_pair){
            .name = "Content-Type", .value = wish->media ? wish->media : "application/json"};
    pairs[count] = (struct probe_pair){0};
}

static void send_one(struct each *each, const char *url, const struct text *body)
{
    struct probe_pair headers[MOST_HEADERS];
    collect_headers(&each->wish, headers);
    const struct probe_request request = {
        .size = sizeof(request),
        .url = url,
        .method = each->wish.method ? each->wish.method : "POST",
        .headers = headers,
        .bearer = each->wish.bearer,
        .user = each->wish.user,
        .password = each->wish.password,
        .body = body->bytes,
        .body_len = body->len,
        .tls = each->wish.tls,
        .timeout_ms = each->wish.timeout_ms,
    };
    (void)http_send(&each->life, &request, on_reply, each);
}

static void next(void *data)
{
    struct each *each = data;
    while (view_line(&each->rest, &each->line)) {
        struct text TEXT_AUTO body;
        text_init(&body, LONGEST_BODY);
        if (each->progress.events[each->at++].done ||
            !each->wish.make(each->name, each->line, &body, each->wish.data))
            continue;
        const char *url = secret_reveal(each->wish.url);
        if (url && (!each->wish.also || secret_reveal(each->wish.also)))
            send_one(each, url, &body);
        else
            answer(
                each,
                &(const struct sink_answer){.verdict = SINK_LATER,
                                            .message = "the secret that it needs cannot be read"});
        return;
    }
    answer(each, &(const struct sink_answer){.verdict = SINK_TAKEN});
}

void each_carry(void *self, const struct sink_parcel *parcel, sink_carried_fn *fn, void *data)
{
    struct each *each = self;
    each->fn = fn;
    each->data = data;
    each->lines = mem_copy_n(parcel->lines, parcel->len);
    progress_begin(&each->progress, parcel);
    each->at = 0;
    each->rest = (struct view){each->lines, parcel->len};
    timer_start(&each->later, each->wish.loop, 0, next, each);
}

void *each_open(const char *name, const struct each_wish *wish)
{
    struct each *each = mem_new(sizeof(*each));
    each->name = mem_copy(name);
    each->wish = *wish;
    life_init(&each->life, wish->loop);
    return each;
}

void each_close(void *self)
{
    struct each *each = self;
    if (each->wish.finish)
        each->wish.finish(each->wish.data);
    timer_stop(&each->later);
    life_drop(&each->life);
    free(each->lines);
    progress_finish(&each->progress);
    free(each->name);
    free(each);
}

/* ----------------------------------------------------------------- words ---- */

void each_write_text(struct writer *writer, const char *key, struct view line, const char *member)
{
    struct view value = view_member(line, member);
    if (value.at && view_is_string(value))
        writer_raw_n(writer, key, value.at, value.len);
}
