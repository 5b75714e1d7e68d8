#include "out/each.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/redact.h"
#include "io/http.h"
#include "io/http_after.h"
#include "io/loop.h"
#include "io/secret.h"
#include "io/wait.h"

enum { LONGEST_BODY = 4 << 20, LONGEST_MESSAGE = 240, MOST_HEADERS = 68 };

/* An event that the receiver has, and the queue still has, too. */
struct taken {
    char boot[40];
    int64_t seq;
};

struct each {
    struct each_wish wish;
    struct life life;
    struct timer later; /* an answer that needs no request */
    char *lines;
    struct view rest, line;    /* of the parcel: what comes next, what is under way */
    struct taken *taken;       /* of parcels that stopped half way */
    size_t taken_count, known; /* `known` of them before the present parcel */
    sink_carried_fn *fn;
    void *data;
};

static void forget_taken(struct each *each);

static void answer(struct each *each, const struct sink_answer *result)
{
    sink_carried_fn *fn = each->fn;
    if (result->verdict == SINK_TAKEN)
        forget_taken(each);
    each->fn = NULL;
    free(each->lines);
    each->lines = NULL;
    fn(result, each->data);
}

/* ------------------------------------------------------------ one by one ---- */

static struct taken identity_of(struct view line)
{
    struct taken taken = {.seq = view_int(view_member(line, "seq"), 0)};
    struct view boot = view_member(view_member(line, "agent"), "boot");
    if (boot.at)
        (void)snprintf(taken.boot, sizeof(taken.boot), "%.*s", (int)boot.len, boot.at);
    return taken;
}

static bool is_same(const struct taken *a, const struct taken *b)
{
    return a->seq == b->seq && strcmp(a->boot, b->boot) == 0;
}

/* Whether it was taken with an earlier parcel. */
static bool was_taken(const struct each *each, struct view line)
{
    struct taken identity = identity_of(line);
    for (size_t i = 0; i < each->known; i++)
        if (is_same(&each->taken[i], &identity))
            return true;
    return false;
}

static void note_taken(struct each *each)
{
    each->taken = mem_resize(each->taken, (each->taken_count + 1) * sizeof(*each->taken));
    each->taken[each->taken_count++] = identity_of(each->line);
}

/*
 * The whole parcel is off the queue: nothing of it comes again.  Both are in the order of the queue.
 * Where it had nothing to do with what is remembered, that was dropped from the queue meanwhile.
 */
static void forget_taken(struct each *each)
{
    struct view rest = {each->lines, strlen(each->lines)}, line;
    size_t kept = 0, at = 0;
    while (at < each->taken_count && view_line(&rest, &line)) {
        struct taken identity = identity_of(line);
        if (is_same(&each->taken[at], &identity))
            at++;
    }
    for (size_t i = at; at && i < each->taken_count; i++)
        each->taken[kept++] = each->taken[i];
    each->taken_count = kept;
}

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
        note_taken(each);
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

static void send_one(struct each *each, const struct text *body)
{
    struct probe_pair headers[MOST_HEADERS];
    const char *url = secret_reveal(each->wish.url);
    if (!url) {
        answer(each,
               &(const struct sink_answer){.verdict = SINK_LATER,
                                           .message = "the secret that it needs cannot be read"});
        return;
    }
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
        if (was_taken(each, each->line) || !each->wish.make(each->line, &body, each->wish.data))
            continue;
        send_one(each, &body);
        return;
    }
    answer(each, &(const struct sink_answer){.verdict = SINK_TAKEN});
}

void each_carry(struct each *each, const struct sink_parcel *parcel, sink_carried_fn *fn,
                void *data)
{
    each->fn = fn;
    each->data = data;
    each->lines = mem_copy_n(parcel->lines, parcel->len);
    each->known = each->taken_count;
    each->rest = (struct view){each->lines, parcel->len};
    timer_start(&each->later, each->wish.loop, 0, next, each);
}

struct each *each_open(const struct each_wish *wish)
{
    struct each *each = mem_new(sizeof(*each));
    each->wish = *wish;
    life_init(&each->life, wish->loop);
    return each;
}

void each_close(struct each *each)
{
    timer_stop(&each->later);
    life_drop(&each->life);
    free(each->lines);
    free(each->taken);
    free(each);
}

/* ----------------------------------------------------------------- words ---- */

void each_write_text(struct writer *writer, const char *key, struct view line, const char *member)
{
    struct view value = view_member(line, member);
    if (value.at && view_is_string(value))
        writer_raw_n(writer, key, value.at, value.len);
}
