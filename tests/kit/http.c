/*
 * http - requests in the fake host: each gets the next answer.
 */
#include "inside.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "io/secret.h"

enum { DEFAULT_MAX_BODY = 256 << 10, LONGEST_URL = 64 << 10 };

struct request {
    struct kit_op op;
    const struct kit_answer *answer;
    struct kit_request *shown;
    probe_http_fn *fn;
    int (*on_chunk)(const struct probe_response *head, const char *bytes, size_t len, void *data);
    void *data;
    struct timer limit;
    size_t told; /* bytes of the body that on_chunk has seen */
};

static size_t body_len(const struct kit_answer *answer)
{
    return answer->body_len || !answer->body ? answer->body_len : strlen(answer->body);
}

static struct probe_response head_of(const struct request *request)
{
    static const struct probe_pair none[] = {{0}};
    const struct kit_answer *answer = request->answer;
    bool answered = answer->status == 0 || answer->code != 0;
    return (struct probe_response){
        .code = answer->code || !answered ? answer->code : 200,
        .headers = answer->headers ? answer->headers : none,
        .us = answer->us,
        .peer = answer->peer,
        .url = answer->url ? answer->url : request->shown->url,
        .version = answer->version ? answer->version : 1,
        .stage = answer->stage,
        .message = answer->message,
    };
}

static void call(struct request *request, int status, const struct probe_response *response)
{
    kit_enter(request->op.kit);
    request->fn(status, response, request->data);
    kit_leave(request->op.kit);
}

static void finish(struct kit_op *op, int status)
{
    struct request *request = container_of(op, struct request, op);
    struct probe_response failed = {
        .headers = (const struct probe_pair[]){{0}},
        .body = "",
        .url = request->shown->url,
        .stage = request->answer->stage ? request->answer->stage : PROBE_WAITING,
        .message = strerror(-status),
    };
    call(request, status, &failed);
}

static void drop(struct kit_op *op)
{
    timer_stop(&container_of(op, struct request, op)->limit);
}

static void on_limit(void *data)
{
    struct request *request = data;
    kit_gone(&request->op);
    finish(&request->op, -ETIMEDOUT);
}

/* -------------------------------------------------------------- answers ---- */

static void answer_whole(struct request *request)
{
    const struct kit_answer *answer = request->answer;
    struct probe_response response = head_of(request);
    size_t len = request->on_chunk ? 0 : body_len(answer);
    bool too_long = (int64_t)len > request->shown->max_body;
    int status = too_long ? -EMSGSIZE : answer->status;
    char *lent = mem_copy_n(answer->body ? answer->body : "", too_long ? 0 : len);
    response.body = lent;
    response.body_len = too_long ? 0 : len;
    if (too_long) {
        response.stage = PROBE_RECEIVING;
        response.message = "the body is too long";
    } else if (status < 0 && !response.message) {
        response.message = strerror(-status);
    }
    kit_gone(&request->op);
    call(request, status, &response);
    free(lent);
}

static void on_turn(void *data);

static void answer_piece(struct request *request)
{
    const struct kit_answer *answer = request->answer;
    size_t left = body_len(answer) - request->told;
    size_t len = answer->piece && answer->piece < left ? answer->piece : left;
    struct probe_response head = head_of(request);
    char *lent = malloc(len + 1);
    memcpy(lent, answer->body + request->told, len);
    request->told += len;
    timer_start(&request->op.timer, request->op.kit->loop, 0, on_turn, request);
    kit_enter(request->op.kit);
    int status = request->on_chunk(&head, lent, len, request->data);
    kit_leave(request->op.kit);
    free(lent);
    if (status < 0 && !request->op.gone) {
        kit_gone(&request->op);
        finish(&request->op, status);
    }
}

static void on_turn(void *data)
{
    struct request *request = data;
    if (request->on_chunk && request->told < body_len(request->answer))
        answer_piece(request);
    else
        answer_whole(request);
}

/* ------------------------------------------------------------ recording ---- */

static void add_escaped(struct text *url, const char *value)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
    for (; *value; value++) {
        if (strchr(plain, *value))
            text_add_char(url, *value);
        else
            text_print(url, "%%%02X", (unsigned)(unsigned char)*value);
    }
}

static const char *revealed(struct kit *kit, struct probe_secret *secret)
{
    return secret ? kit_copy(kit, secret_reveal(secret)) : NULL;
}

static char *url_of(struct kit *kit, const struct probe_request *request)
{
    struct text TEXT_AUTO url;
    text_init(&url, LONGEST_URL);
    text_add(&url, request->base ? request->base->shown : request->url ? request->url : "");
    if (request->path) {
        while (url.len > 0 && url.bytes[url.len - 1] == '/' && request->path[0] == '/')
            text_cut_to(&url, url.len - 1);
        text_add(&url, request->path);
    }
    bool first = strchr(url.bytes, '?') == NULL;
    for (const struct probe_pair *param = request->params; param && param->name; param++) {
        const char *value = param->secret ? revealed(kit, param->secret) : param->value;
        text_add_char(&url, first ? '?' : '&');
        add_escaped(&url, param->name);
        text_add_char(&url, '=');
        add_escaped(&url, value ? value : "");
        first = false;
    }
    return kit_keep(kit, text_take(&url));
}

static struct probe_pair *headers_of(struct kit *kit, const struct probe_request *request)
{
    struct probe_pair *headers = kit_copy_pairs(kit, request->headers);
    for (struct probe_pair *header = headers; header->name; header++)
        if (header->secret)
            header->value = revealed(kit, header->secret);
    return headers;
}

static const char *body_of(struct kit *kit, const struct probe_request *request)
{
    return request->body ? kit_keep(kit, mem_copy_n(request->body, request->body_len)) : NULL;
}

static struct kit_request *record(struct kit *kit, const struct probe_request *request)
{
    struct kit_request *shown = kit_keep(kit, mem_new(sizeof(*shown)));
    const char *method = request->method ? request->method : request->body ? "POST" : "GET";
    *shown = (struct kit_request){
        .method = kit_copy(kit, method),
        .url = url_of(kit, request),
        .body = body_of(kit, request),
        .body_len = request->body_len,
        .bearer = revealed(kit, request->bearer),
        .user = kit_copy(kit, request->user),
        .password = revealed(kit, request->password),
        .sigv4 = kit_copy(kit, request->sigv4),
        .address = kit_copy(kit, request->address),
        .tls = request->tls,
        .headers = headers_of(kit, request),
        .family = request->family,
        .version = request->version,
        .redirects = request->redirects,
        .fresh = request->fresh,
        .timeout_ms = request->timeout_ms,
        .max_body = request->max_body ? request->max_body : DEFAULT_MAX_BODY,
    };
    kit_add(&kit->requests, shown);
    return shown;
}

struct probe_op *kit_do_http(struct probe_life *life, const struct probe_request *asked,
                             probe_http_fn *fn, void *data)
{
    static const struct kit_answer nothing = {.never = true};
    struct kit *kit = kit_life_of(life)->kit;
    struct request *request = mem_new(sizeof(*request));
    const struct kit_answer **answers = kit->answers.all;
    bool known = kit->requests.count < kit->answers.count;
    request->answer = known ? answers[kit->requests.count] : &nothing;
    request->shown = record(kit, asked);
    request->fn = fn;
    request->on_chunk = asked->on_chunk;
    request->data = data;
    request->op.drop = drop;
    if (!known)
        kit_break(kit, "%s is asked for, and no answer was given for it", request->shown->url);
    struct probe_op *op = kit_begin(&request->op, life, "request", finish);
    if (asked->timeout_ms > 0)
        timer_start(&request->limit, kit->loop, (uint64_t)asked->timeout_ms, on_limit, request);
    if (!request->answer->never)
        timer_start(&request->op.timer, kit->loop, request->answer->after_ms, on_turn, request);
    return op;
}

/* --------------------------------------------------------- for the test ---- */

void kit_answer(struct kit *kit, const struct kit_answer *answer)
{
    struct kit_answer *copy = kit_keep(kit, mem_new(sizeof(*copy)));
    *copy = *answer;
    kit_add(&kit->answers, copy);
}

const struct kit_request *kit_requested(const struct kit *kit, size_t nth)
{
    struct kit_request **all = kit->requests.all;
    if (nth >= kit->requests.count)
        fail_msg("only %zu requests were sent", kit->requests.count);
    return all[nth];
}

size_t kit_request_count(const struct kit *kit)
{
    return kit->requests.count;
}

const char *kit_header(const struct kit_request *request, const char *name)
{
    for (const struct probe_pair *header = request->headers; header->name; header++)
        if (strcasecmp(header->name, name) == 0)
            return header->value;
    return NULL;
}
