/*
 * stream - dial, write and secure in the fake host: each stream plays its transcript.
 */
#include "inside.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { DEFAULT_MAX_REPLY = 1 << 20 };

struct stream {
    struct kit_op op;
    struct script script;
    struct kit_dial *dial;
    probe_stream_fn *fn;
    void *data;
    struct timer limit; /* to connect and to secure */
    const struct probe_peer *peer;
    struct probe_peer own_peer;
    uint64_t started_us, first_byte_us, opened_us;
    int64_t received; /* since the last write */
    bool waiting;     /* for the client; the timer is not pending */
    bool securing;    /* probe_secure() was called, PROBE_SECURED is due */
};

static void on_turn(void *data);

static void turn_later(struct stream *stream, uint64_t ms)
{
    stream->waiting = false;
    timer_start(&stream->op.timer, stream->op.kit->loop, ms, on_turn, stream);
}

static int64_t since(const struct stream *stream, uint64_t us)
{
    return us ? (int64_t)(us - stream->started_us) : 0;
}

static void call(struct stream *stream, int status, struct probe_arrival arrival)
{
    struct kit *kit = stream->op.kit;
    uint64_t now = loop_now_us(kit->loop);
    arrival.peer = stream->script.opened ? stream->peer : NULL;
    arrival.us = (struct probe_timing){.connect = since(stream, stream->opened_us),
                                       .first_byte = since(stream, stream->first_byte_us),
                                       .total = since(stream, now)};
    kit_enter(kit);
    stream->fn(status, &arrival, stream->data);
    kit_leave(kit);
}

static enum probe_stage stage_of(const struct stream *stream)
{
    if (!stream->script.opened)
        return PROBE_CONNECTING;
    return stream->securing ? PROBE_SECURING : PROBE_WAITING;
}

static void finish(struct kit_op *op, int status)
{
    struct stream *stream = container_of(op, struct stream, op);
    call(stream,
         status,
         (struct probe_arrival){.stage = stage_of(stream), .message = strerror(-status)});
}

static void drop(struct kit_op *op)
{
    struct stream *stream = container_of(op, struct stream, op);
    timer_stop(&stream->limit);
    stream->dial->open = false;
    script_finish(&stream->script);
}

/* The last callback. */
static void end(struct stream *stream, int status, struct probe_arrival arrival)
{
    kit_gone(&stream->op);
    call(stream, status, arrival);
}

static void on_limit(void *data)
{
    struct stream *stream = data;
    end(stream,
        -ETIMEDOUT,
        (struct probe_arrival){.stage = stage_of(stream), .message = "no answer in time"});
}

/* ------------------------------------------------------------- playing ---- */

static void arrive(struct stream *stream, const char *bytes, size_t len)
{
    stream->received += (int64_t)len;
    if (!stream->first_byte_us)
        stream->first_byte_us = loop_now_us(stream->op.kit->loop);
    if (stream->received > stream->dial->max_reply) {
        end(stream,
            -EMSGSIZE,
            (struct probe_arrival){.stage = PROBE_RECEIVING, .message = "the reply is too long"});
        return;
    }
    turn_later(stream, 0);
    char *lent = malloc(len); /* of exactly this size, for ASan */
    memcpy(lent, bytes, len);
    call(stream, 0, (struct probe_arrival){.what = PROBE_ARRIVED, .bytes = lent, .len = len});
    free(lent);
}

static void open_up(struct stream *stream)
{
    bool later =
        stream->dial->safety == PROBE_SAFE_LATER || stream->dial->safety == PROBE_SHOWN_LATER;
    stream->opened_us = loop_now_us(stream->op.kit->loop);
    if (!later)
        timer_stop(&stream->limit);
    turn_later(stream, 0);
    call(stream, 0, (struct probe_arrival){.what = PROBE_OPENED});
}

static void secured(struct stream *stream)
{
    stream->securing = false;
    timer_stop(&stream->limit);
    turn_later(stream, 0);
    call(stream, 0, (struct probe_arrival){.what = PROBE_SECURED});
}

static void go_wrong(struct stream *stream)
{
    kit_break(stream->op.kit,
              "the client of %s %s",
              stream->dial->host ? stream->dial->host : "a stream",
              stream->script.said.bytes);
    stream->waiting = true;
}

static void on_turn(void *data)
{
    struct stream *stream = data;
    if (stream->securing) {
        secured(stream);
        return;
    }
    struct script_step step = script_next(&stream->script);
    switch (step.act) {
    case SCRIPT_WAIT:
    case SCRIPT_SECURE:
        stream->waiting = true;
        return;
    case SCRIPT_OPEN:
        open_up(stream);
        return;
    case SCRIPT_SEND:
        arrive(stream, step.bytes, step.len);
        return;
    case SCRIPT_PAUSE:
        turn_later(stream, step.ms);
        return;
    case SCRIPT_PEER:
        stream->peer = step.peer;
        turn_later(stream, 0);
        return;
    case SCRIPT_CLOSE:
        end(stream, 0, (struct probe_arrival){.what = PROBE_CLOSED});
        return;
    case SCRIPT_FAIL:
        end(stream,
            step.status,
            (struct probe_arrival){.stage = step.stage,
                                   .message = step.bytes ? step.bytes : strerror(-step.status)});
        return;
    case SCRIPT_WRONG:
        go_wrong(stream);
        return;
    }
}

/* ---------------------------------------------------- the table's calls ---- */

static const char *fault_of(const struct probe_endpoint *endpoint)
{
    if (endpoint->size != sizeof(*endpoint))
        return "was not made by probe_dial()";
    if (!endpoint->host && !endpoint->address && !endpoint->path)
        return "names no host, address or path";
    if (!endpoint->path && endpoint->port == 0)
        return "names no port";
    return NULL;
}

static struct kit_dial *record(struct kit *kit, const struct probe_endpoint *endpoint)
{
    struct kit_dial *dial = kit_keep(kit, mem_new(sizeof(*dial)));
    *dial = (struct kit_dial){
        .host = kit_copy(kit, endpoint->host),
        .address = kit_copy(kit, endpoint->address),
        .path = kit_copy(kit, endpoint->path),
        .port = endpoint->port,
        .family = endpoint->family,
        .safety = endpoint->safety,
        .tls = endpoint->tls,
        .alpn = endpoint->alpn ? kit_copy(kit, endpoint->alpn[0]) : NULL,
        .timeout_ms = endpoint->timeout_ms,
        .max_reply = endpoint->max_reply ? endpoint->max_reply : DEFAULT_MAX_REPLY,
        .open = true,
    };
    kit_add(&kit->dials, dial);
    return dial;
}

struct probe_op *kit_do_dial(struct probe_life *life, const struct probe_endpoint *endpoint,
                             probe_stream_fn *fn, void *data)
{
    static const struct kit_move nothing[] = {{.kind = KIT_MOVE_HANG}, {0}};
    struct kit *kit = kit_life_of(life)->kit;
    struct stream *stream = mem_new(sizeof(*stream));
    const struct kit_move **scripts = kit->scripts.all;
    const char *fault = fault_of(endpoint);
    bool known = kit->dials.count < kit->scripts.count;
    script_init(&stream->script, known ? scripts[kit->dials.count] : nothing);
    if (fault)
        kit_break(kit, "a stream is dialled that %s", fault);
    if (!known)
        kit_break(kit, "a stream is dialled that no transcript was given for");
    stream->dial = record(kit, endpoint);
    stream->fn = fn;
    stream->data = data;
    stream->started_us = loop_now_us(kit->loop);
    stream->own_peer = (struct probe_peer){
        .address = stream->dial->path ? stream->dial->path : "127.0.0.1",
        .port = stream->dial->port,
    };
    stream->peer = &stream->own_peer;
    stream->op.drop = drop;
    struct probe_op *op = kit_begin(&stream->op, life, "stream", finish);
    if (endpoint->timeout_ms > 0)
        timer_start(&stream->limit, kit->loop, (uint64_t)endpoint->timeout_ms, on_limit, stream);
    turn_later(stream, 0);
    return op;
}

void kit_do_write(struct probe_op *op, const void *bytes, size_t len)
{
    struct kit_op *self = kit_alive(op, "writes to");
    if (!self)
        return;
    struct stream *stream = container_of(self, struct stream, op);
    stream->received = 0;
    script_hear(&stream->script, bytes, len);
    if (stream->waiting)
        turn_later(stream, 0);
}

void kit_do_secure(struct probe_op *op)
{
    struct kit_op *self = kit_alive(op, "secures");
    if (!self)
        return;
    struct stream *stream = container_of(self, struct stream, op);
    bool later =
        stream->dial->safety == PROBE_SAFE_LATER || stream->dial->safety == PROBE_SHOWN_LATER;
    stream->securing = true;
    if (!later)
        kit_break(self->kit, "probe_secure() on a stream that was not dialled for it");
    if (!script_secured(&stream->script))
        kit_break(self->kit, "probe_secure() where it was not due");
    turn_later(stream, 0);
}

/* --------------------------------------------------------- for the test ---- */

void kit_play(struct kit *kit, const struct kit_move *moves)
{
    const struct kit_move *copy = kit_keep(kit, script_copy(moves));
    kit_add(&kit->scripts, copy);
}

const struct kit_dial *kit_dialled(const struct kit *kit, size_t nth)
{
    struct kit_dial **all = kit->dials.all;
    if (nth >= kit->dials.count)
        fail_msg("only %zu streams were dialled", kit->dials.count);
    return all[nth];
}

size_t kit_dial_count(const struct kit *kit)
{
    return kit->dials.count;
}
