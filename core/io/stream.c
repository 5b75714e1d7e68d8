#include "io/stream.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/units.h"
#include "io/connect.h"
#include "io/endpoint.h"
#include "io/loop.h"
#include "io/wait.h"
#include "io/wire.h"

enum { MOST_UNSENT = 4 << 20, READ_AT_ONCE = 16 << 10 };
enum { READS_A_TURN = 16 /* then others may have the loop */ };

enum phase {
    CONNECTING,
    SECURING,
    OPEN,
    TURNING /* stream_secure() was called: sends what is left in clear, then secures */
};

struct stream {
    struct op op;
    struct loop *loop;
    struct endpoint to;
    probe_stream_fn *fn;
    void *data;
    enum phase phase;
    struct connecting *connecting;
    struct wire wire;
    struct watch *watch;
    struct timer deadline, later;
    int write_status; /* why nothing can be sent any more; what came before is read first */
    uint64_t start_us, asked_us;
    int64_t unasked_len; /* bytes received since the last write */
    struct probe_timing us;
    struct tls_peer peer;
    int status; /* to be told in the loop's next turn; zero: none */
    enum probe_stage stage;
    char where[200], message[600];
    bool connected, telling, gone; /* of a callback: within one; to be freed after it */
};

/* ------------------------------------------------------------- telling ---- */

static int64_t since_start(const struct stream *stream)
{
    return (int64_t)(loop_now_us(stream->loop) - stream->start_us);
}

/* Closes everything but what the callbacks still show. */
static void close_all(struct stream *stream)
{
    connect_cancel(stream->connecting);
    stream->connecting = NULL;
    watch_destroy(stream->watch);
    stream->watch = NULL;
    wire_close(&stream->wire);
    timer_stop(&stream->deadline);
    timer_stop(&stream->later);
}

static void release(struct stream *stream)
{
    close_all(stream);
    if (stream->telling) { /* its peer is still being looked at */
        stream->gone = true;
        return;
    }
    tls_peer_finish(&stream->peer);
    endpoint_finish(&stream->to);
    free(stream);
}

static void call_back(struct stream *stream, int status, struct probe_arrival *arrival)
{
    bool outer = stream->telling; /* a callback may end the life, which calls back once more */
    arrival->us = stream->us;
    arrival->us.total = since_start(stream);
    arrival->peer = stream->connected ? &stream->peer.face : NULL;
    stream->telling = true;
    BLAME(stream->op.life->owner, stream->fn(status, arrival, stream->data));
    stream->telling = outer;
}

/* False where the stream is gone afterwards. */
static bool tell(struct stream *stream, struct probe_arrival arrival)
{
    call_back(stream, 0, &arrival);
    if (!stream->gone)
        return true;
    release(stream);
    return false;
}

/* The last callback: a failure, or PROBE_CLOSED. */
static void tell_last(struct stream *stream, int status)
{
    struct probe_arrival arrival = {.what = status < 0 ? 0 : PROBE_CLOSED};
    op_leave(&stream->op);
    close_all(stream);
    if (status < 0) {
        arrival.stage = stream->stage;
        arrival.message = stream->message;
    }
    stream->status = -ESHUTDOWN; /* what is written now goes nowhere */
    call_back(stream, status, &arrival);
    release(stream);
}

static enum probe_stage stage_of(const struct stream *stream)
{
    switch (stream->phase) {
    case CONNECTING:
        return stream->connecting ? connect_stage(stream->connecting) : PROBE_RESOLVING;
    case TURNING:
    case SECURING:
        return PROBE_SECURING;
    default:
        if (stream->wire.unsent_len || stream->write_status < 0)
            return PROBE_SENDING;
        return stream->unasked_len ? PROBE_RECEIVING : PROBE_WAITING;
    }
}

/* Notes why it fails; what follows is tell_last() at once, or the loop's next turn. */
__attribute__((format(printf, 3, 4))) static void note(struct stream *stream, int status,
                                                       const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(stream->message, sizeof(stream->message), fmt, args);
    va_end(args);
    stream->status = status;
    stream->stage = stage_of(stream);
}

/* ---------------------------------------------------- ended from outside ---- */

static void note_time_out(struct stream *stream, int status)
{
    char since[UNITS_DURATION_LEN], asked[UNITS_DURATION_LEN];
    units_print_duration(since_start(stream) / 1000, since);
    units_print_duration((int64_t)(loop_now_us(stream->loop) - stream->asked_us) / 1000, asked);
    switch (stage_of(stream)) {
    case PROBE_RESOLVING:
    case PROBE_CONNECTING:
        note(
            stream, status, "no answer from %s within %s", connect_whom(stream->connecting), since);
        break;
    case PROBE_SECURING:
        note(stream, status, "%s did not finish the TLS handshake within %s", stream->where, asked);
        break;
    case PROBE_SENDING:
        note(stream, status, "%s took no more bytes within %s", stream->where, asked);
        break;
    case PROBE_RECEIVING:
        note(stream,
             status,
             "%s sent %lld bytes and then no more within %s",
             stream->where,
             (long long)stream->unasked_len,
             asked);
        break;
    default:
        note(stream, status, "no answer from %s within %s", stream->where, asked);
    }
}

static void stream_end(struct op *op, int status)
{
    struct stream *stream = container_of(op, struct stream, op);
    if (stream->status < 0) /* it has failed by itself, a moment ago */
        status = stream->status;
    else if (status == -ETIMEDOUT)
        note_time_out(stream, status);
    else
        note(stream, status, "ended before %s had answered", stream->where);
    tell_last(stream, status);
}

static void stream_drop(struct op *op)
{
    release(container_of(op, struct stream, op));
}

static const struct op_kind stream_kind = {"stream", stream_end, stream_drop};

static void on_deadline(void *data)
{
    struct stream *stream = data;
    if (stream->status == 0)
        note_time_out(stream, -ETIMEDOUT);
    tell_last(stream, stream->status);
}

static void on_later(void *data);

static void do_later(struct stream *stream)
{
    timer_start(&stream->later, stream->loop, 0, on_later, stream);
}

/* ---------------------------------------------------------------- bytes ---- */

static void watch_again(struct stream *stream)
{
    unsigned events = wire_events(&stream->wire);
    if (stream->phase == TURNING) /* what comes in clear now is not for us to read */
        events &= ~(unsigned)WATCH_READABLE;
    watch_change(stream->watch, events);
}

static void send_unsent(struct stream *stream)
{
    int status = stream->write_status ? stream->write_status : wire_flush(&stream->wire);
    if (status < 0 && status != -EAGAIN)
        stream->write_status = status;
}

static void note_broken(struct stream *stream, int status)
{
    if (status == -ECONNRESET || status == -EPIPE)
        note(stream, status, "%s cut the connection off", stream->where);
    else if (stream->wire.ssl && stream->wire.broken)
        note(stream, status, "TLS with %s failed: %s", stream->where, stream->wire.problem);
    else
        note(stream, status, "the connection to %s broke: %s", stream->where, strerror(-status));
}

/* False where the stream is gone. */
static bool arrived(struct stream *stream, const char *bytes, size_t len)
{
    if (!stream->us.first_byte)
        stream->us.first_byte = since_start(stream);
    stream->unasked_len += (int64_t)len;
    if (stream->unasked_len > stream->to.max_reply) {
        note(stream,
             -EMSGSIZE,
             "%s sent more than the %lld bytes that are allowed",
             stream->where,
             (long long)stream->to.max_reply);
        tell_last(stream, stream->status);
        return false;
    }
    return tell(stream, (struct probe_arrival){PROBE_ARRIVED, bytes, len});
}

/* Reads what there is.  False where the stream is gone. */
static bool receive(struct stream *stream)
{
    char bytes[READ_AT_ONCE];
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t n = wire_read(&stream->wire, bytes, sizeof(bytes));
        if (n == -EAGAIN && stream->write_status == 0)
            return true;
        if (n > 0) {
            if (!arrived(stream, bytes, (size_t)n))
                return false;
            if (stream->phase != OPEN || stream->status < 0)
                return true;
            continue;
        }
        if (n == 0 && stream->write_status == 0 && stream->wire.unsent_len == 0) {
            tell_last(stream, 0);
            return false;
        }
        n = n < 0 ? n : -EPIPE;
        note_broken(stream, stream->write_status ? stream->write_status : (int)n);
        tell_last(stream, stream->status);
        return false;
    }
    do_later(stream); /* TLS may hold what no watch tells of, and a broken watch tells nothing */
    return true;
}

/* ------------------------------------------------------------------ TLS ---- */

static void opened(struct stream *stream, enum probe_arrival_kind what)
{
    timer_stop(&stream->deadline);
    stream->phase = OPEN;
    stream->asked_us = loop_now_us(stream->loop);
    if (!tell(stream, (struct probe_arrival){what}))
        return;
    do_later(stream); /* sends what was written before, reads what came with the handshake */
}

static void secured(struct stream *stream)
{
    char problems[400];
    stream->us.tls = since_start(stream);
    tls_peer_fill(&stream->peer,
                  stream->wire.ssl,
                  stream->to.tls,
                  stream->to.host ? stream->to.host : stream->to.address);
    if (stream->peer.face.problem_count > 0 && !endpoint_goes_on(&stream->to)) {
        tls_peer_explain(&stream->peer, problems, sizeof(problems));
        note(stream, -EACCES, "%s cannot be trusted: %s", stream->where, problems);
        tell_last(stream, stream->status);
        return;
    }
    opened(stream, endpoint_secures_later(&stream->to) ? PROBE_SECURED : PROBE_OPENED);
}

static void shake(struct stream *stream)
{
    int status = wire_shake(&stream->wire);
    if (status == 0) {
        secured(stream);
    } else if (status == -EAGAIN) {
        watch_again(stream);
    } else {
        note(stream, status, "TLS with %s failed: %s", stream->where, stream->wire.problem);
        tell_last(stream, stream->status);
    }
}

static void secure(struct stream *stream)
{
    struct error error = {0};
    char unread;
    stream->phase = SECURING;
    stream->asked_us = loop_now_us(stream->loop);
    if (endpoint_secures_later(&stream->to) &&
        recv(stream->wire.fd, &unread, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
        /* Somebody in between could have put them there, to be taken for what came in TLS. */
        note(stream, -EPROTO, "%s sent bytes in clear where TLS was to begin", stream->where);
        tell_last(stream, stream->status);
    } else if (wire_secure(&stream->wire, &stream->to, &error) < 0) {
        note(stream, error.code, "%s", error.message);
        tell_last(stream, stream->status);
    } else {
        shake(stream);
    }
}

/* Goes on with whatever can go on. */
static void go_on(struct stream *stream)
{
    if (stream->phase == SECURING) {
        shake(stream);
        return;
    }
    send_unsent(stream);
    if (stream->phase == TURNING && stream->wire.unsent_len == 0) {
        secure(stream);
        return;
    }
    if (stream->phase == OPEN && !receive(stream))
        return;
    if (stream->phase == TURNING && stream->write_status < 0) {
        note_broken(stream, stream->write_status);
        tell_last(stream, stream->status);
        return;
    }
    watch_again(stream);
}

static void on_ready(int status, unsigned events, void *data)
{
    struct stream *stream = data;
    (void)events;
    if (stream->status < 0) /* it has failed; that is told in a moment */
        return;
    if (status < 0) /* libuv has stopped looking: whatever there is must be read now */
        do_later(stream);
    go_on(stream);
}

/* --------------------------------------------------------------- connect ---- */

/* From now on messages and the peer say who answered. */
static void name_peer(struct stream *stream, const char *address)
{
    char at[128];
    bool by_name = stream->to.host && strcmp(stream->to.host, address) != 0;
    connect_print(address, stream->to.port, at, sizeof(at));
    if (by_name)
        (void)snprintf(stream->where, sizeof(stream->where), "%.60s (%s)", stream->to.host, at);
    else
        (void)snprintf(stream->where, sizeof(stream->where), "%s", at);
    tls_peer_set_address(&stream->peer, address, stream->to.port);
    stream->connected = true;
}

static void on_connected(const struct connect_end *end, void *data)
{
    struct stream *stream = data;
    stream->connecting = NULL;
    if (end->status < 0) {
        note(stream, end->status, "%s", end->message);
        stream->stage = end->stage;
        tell_last(stream, stream->status);
        return;
    }
    if (end->resolved_us)
        stream->us.resolve = (int64_t)(end->resolved_us - stream->start_us);
    stream->us.connect = since_start(stream);
    name_peer(stream, end->address);
    stream->wire.fd = end->fd;
    stream->watch = watch_create(stream->loop, end->fd, 0, on_ready, stream);
    if (endpoint_secures_first(&stream->to))
        secure(stream);
    else
        opened(stream, PROBE_OPENED);
}

static void on_later(void *data)
{
    struct stream *stream = data;
    if (stream->status < 0)
        tell_last(stream, stream->status);
    else
        go_on(stream);
}

/* ----------------------------------------------------------------- public ---- */

static void refuse(struct stream *stream, int status, const char *message)
{
    note(stream, status, "%s", message);
    do_later(stream);
}

static void start_deadline(struct stream *stream)
{
    if (stream->to.timeout_ms > 0)
        timer_start(
            &stream->deadline, stream->loop, (uint64_t)stream->to.timeout_ms, on_deadline, stream);
}

struct op *stream_dial(struct life *life, const struct probe_endpoint *endpoint,
                       probe_stream_fn *fn, void *data)
{
    struct stream *stream = mem_new(sizeof(*stream));
    const char *problem = endpoint_init(&stream->to, endpoint);
    stream->loop = life->loop;
    stream->fn = fn;
    stream->data = data;
    stream->wire.fd = -1;
    stream->start_us = stream->asked_us = loop_now_us(stream->loop);
    (void)snprintf(stream->where, sizeof(stream->where), "%.90s", endpoint_whom(&stream->to));
    op_begin(&stream->op, life, &stream_kind);
    if (life->ended)
        refuse(stream, -ECANCELED, "nothing is begun any more: what it was for has ended");
    else if (problem)
        refuse(stream, -EINVAL, problem);
    else
        stream->connecting = connect_start(stream->loop, &stream->to, on_connected, stream);
    start_deadline(stream);
    return &stream->op;
}

void stream_write(struct op *op, const void *bytes, size_t len)
{
    struct stream *stream = container_of(op, struct stream, op);
    if (stream->status < 0 || stream->write_status < 0)
        return;
    if (len > MOST_UNSENT - stream->wire.unsent_len) {
        refuse(stream, -ENOBUFS, "more than 4 MiB wait to be sent: they are not taken");
        stream->stage = PROBE_SENDING;
        return;
    }
    stream->unasked_len = 0;
    stream->asked_us = loop_now_us(stream->loop);
    wire_queue(&stream->wire, bytes, len);
    if (stream->phase != OPEN)
        return;
    send_unsent(stream);
    if (stream->write_status < 0)
        do_later(stream);
    else if (stream->wire.unsent_len)
        watch_again(stream);
}

size_t stream_unsent(const struct op *op)
{
    const struct stream *stream = container_of(op, struct stream, op);
    return stream->phase == OPEN && stream->status == 0 ? wire_unsent(&stream->wire) : SIZE_MAX;
}

void stream_secure(struct op *op)
{
    struct stream *stream = container_of(op, struct stream, op);
    if (stream->status < 0)
        return;
    if (stream->phase != OPEN || !endpoint_secures_later(&stream->to) || stream->wire.ssl) {
        refuse(stream, -EINVAL, "TLS cannot begin on this stream now");
        return;
    }
    stream->phase = TURNING;
    start_deadline(stream);
    do_later(stream);
}
