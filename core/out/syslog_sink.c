/*
 * syslog_sink - type "syslog": RFC 5424 over UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425).
 *
 * On a stream each message goes behind its length (octet counting), so that none is torn apart.
 * Syslog acknowledges nothing.  A parcel counts as taken when the receiver's machine has
 * acknowledged its last byte; where the connection ends before, the whole parcel is carried again.
 * What a receiver loses after that, as when it is killed, nobody can know.  By UDP it is taken
 * once it was sent and nobody has answered that none listens there.
 *
 * Layer: out.  Uses: base, io/datagram, io/stream, out/sink, out/syslog_line.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "io/stream.h"
#include "io/wait.h"
#include "out/sink.h"
#include "out/sink_types.h"
#include "out/syslog_line.h"

enum {
    LONGEST_FRAMES = 256 << 20,
    MOST_UNSENT = 256 << 10,
    LOOK_MS = 5, /* whether what was written is acknowledged */
    PORT_UDP = 514,
    PORT_TLS = 6514
};

/* ---------------------------------------------------------------- options ---- */

struct syslog_options {
    const struct probe_url *url;
    const char *facility, *body;
    const struct probe_tls *tls;
    int64_t max_message, timeout_ms;
};

static const char *const bodies[] = {"json", "text", NULL};

static const struct probe_option options[] = {
    {"url",
     PROBE_URL_AT(struct syslog_options, url),
     .help = "udp://HOST[:514], tcp://HOST:PORT or tls://HOST[:6514]"},
    {"facility",
     PROBE_STRING_AT(struct syslog_options, facility),
     .fallback = "daemon",
     .choices = syslog_facilities,
     .help = "what kind of program says so"},
    {"body",
     PROBE_STRING_AT(struct syslog_options, body),
     .fallback = "json",
     .choices = bodies,
     .help = "the message: the event as JSON, or a sentence"},
    {"max_message",
     PROBE_BYTES_AT(struct syslog_options, max_message),
     .fallback = "8KiB",
     .min = 480,
     .max = 1 << 20,
     .help = "what the receiver takes; an event that is longer goes as a sentence, with cut=\"1\""},
    {"tls",
     PROBE_TLS_AT(struct syslog_options, tls),
     .fallback = "",
     .help = "certificate authority, client certificate, name, verification"},
    {"timeout",
     PROBE_DURATION_AT(struct syslog_options, timeout_ms),
     .fallback = "30s",
     .min = 100,
     .max = 3600000,
     .help = "how long a batch may take"},
    {0},
};

static bool goes_by(const struct syslog_options *config, const char *scheme)
{
    return config->url && config->url->scheme && strcmp(config->url->scheme, scheme) == 0;
}

static int check(const void *data, struct error *error)
{
    enum { LONGEST_DATAGRAM = 65000 };
    const struct syslog_options *config = data;
    if (!config->url)
        return 0;
    if (!goes_by(config, "udp") && !goes_by(config, "tcp") && !goes_by(config, "tls"))
        return error_set(error, -EINVAL, "url: is none of udp://, tcp:// and tls://");
    if (goes_by(config, "tcp") && !config->url->port) {
        (void)error_set(error, -EINVAL, "url: has no port, and TCP has no usual one");
        return error_hint(error, "write the receiver's, such as tcp://%s:514", config->url->host);
    }
    if (goes_by(config, "udp") && config->max_message > LONGEST_DATAGRAM)
        return error_set(error, -EINVAL, "max_message: is more than a datagram holds, 65000");
    return 0;
}

/* -------------------------------------------------------------------- self ---- */

struct self {
    struct loop *loop;
    const struct syslog_options *config;
    struct syslog_wish wish;
    struct life life;
    struct op *stream; /* NULL: there is none */
    struct datagrams *datagrams;
    struct timer look, limit;
    struct text frames;
    struct datagram_piece *pieces; /* by UDP */
    size_t written;                /* of the frames, on a stream */
    sink_carried_fn *fn;           /* NULL: nothing is under way */
    void *data;
};

static void answer(struct self *self, enum sink_verdict verdict, const char *message)
{
    const struct sink_answer result = {.verdict = verdict, .message = message};
    sink_carried_fn *fn = self->fn;
    timer_stop(&self->look);
    timer_stop(&self->limit);
    text_finish(&self->frames);
    free(self->pieces);
    self->pieces = NULL;
    self->fn = NULL;
    fn(&result, self->data);
}

/* ------------------------------------------------------------------ stream ---- */

static void hang_up(struct self *self)
{
    op_cancel(self->stream);
    self->stream = NULL;
}

static void on_limit(void *data)
{
    struct self *self = data;
    hang_up(self);
    answer(self, SINK_LATER, "the receiver has not taken it within the timeout");
}

static void go_on(void *data)
{
    struct self *self = data;
    size_t unsent = stream_unsent(self->stream), left = self->frames.len - self->written;
    if (unsent < MOST_UNSENT && left) {
        size_t len = left < MOST_UNSENT ? left : MOST_UNSENT;
        stream_write(self->stream, self->frames.bytes + self->written, len);
        self->written += len;
    } else if (unsent == 0) {
        answer(self, SINK_TAKEN, NULL);
        return;
    }
    timer_start(&self->look, self->loop, unsent ? LOOK_MS : 0, go_on, self);
}

static void on_arrival(int status, const struct probe_arrival *arrival, void *data)
{
    struct self *self = data;
    bool over = status < 0 || arrival->what == PROBE_CLOSED;
    if (over)
        self->stream = NULL;
    if (!self->fn) /* an idle one that ends is dialled anew with the next parcel */
        return;
    if (over)
        answer(self,
               SINK_LATER,
               status < 0 ? arrival->message : "the receiver has closed the connection");
    else if (arrival->what == PROBE_OPENED)
        go_on(self);
}

static void carry_on_stream(struct self *self)
{
    const struct probe_url *url = self->config->url;
    bool safe = goes_by(self->config, "tls");
    timer_start(&self->limit, self->loop, (uint64_t)self->config->timeout_ms, on_limit, self);
    self->written = 0;
    if (self->stream) {
        timer_start(&self->look, self->loop, 0, go_on, self);
        return;
    }
    const struct probe_endpoint endpoint = {
        .size = sizeof(endpoint),
        .host = url->host,
        .port = url->port ? url->port : PORT_TLS,
        .safety = safe ? PROBE_SAFE : PROBE_CLEAR,
        .tls = self->config->tls,
        .timeout_ms = self->config->timeout_ms,
    };
    self->stream = stream_dial(&self->life, &endpoint, on_arrival, self);
}

/* --------------------------------------------------------------- datagrams ---- */

static void on_sent(int status, const char *message, void *data)
{
    struct self *self = data;
    self->datagrams = NULL;
    answer(self,
           status == 0           ? SINK_TAKEN
           : status == -EMSGSIZE ? SINK_REFUSED
                                 : SINK_LATER,
           message);
}

static void carry_by_datagram(struct self *self, size_t count)
{
    const struct probe_url *url = self->config->url;
    self->datagrams = datagram_send(
        &(const struct datagram_wish){.loop = self->loop,
                                      .host = url->host,
                                      .port = url->port ? url->port : PORT_UDP,
                                      .bytes = self->frames.bytes,
                                      .pieces = self->pieces,
                                      .count = count,
                                      .timeout_ms = (uint64_t)self->config->timeout_ms},
        on_sent,
        self);
}

/* ------------------------------------------------------------------- carry ---- */

/* How many messages there are; what is no event is left out. */
static size_t write_frames(struct self *self, const struct sink_parcel *parcel, bool counted)
{
    struct view rest = {parcel->lines, parcel->len}, line;
    size_t count = 0;
    text_init(&self->frames, LONGEST_FRAMES);
    if (!counted)
        self->pieces = mem_array(parcel->count + 1, sizeof(*self->pieces));
    while (count < parcel->count && view_line(&rest, &line)) {
        struct text TEXT_AUTO message;
        text_init(&message, self->wish.max);
        if (!syslog_add(&self->wish, line, &message))
            continue;
        if (counted)
            text_print(&self->frames, "%zu ", message.len);
        else
            self->pieces[count] = (struct datagram_piece){self->frames.len, message.len};
        text_add_n(&self->frames, message.bytes, message.len);
        count++;
    }
    return count;
}

static void carry(void *data, const struct sink_parcel *parcel, sink_carried_fn *fn, void *fn_data)
{
    struct self *self = data;
    bool counted = !goes_by(self->config, "udp");
    self->fn = fn;
    self->data = fn_data;
    size_t count = write_frames(self, parcel, counted);
    if (counted)
        carry_on_stream(self);
    else
        carry_by_datagram(self, count);
}

/* -------------------------------------------------------------- open, close ---- */

static void *open_sink(const struct sink_place *place)
{
    struct self *self = mem_new(sizeof(*self));
    const struct syslog_options *config = place->config;
    self->loop = place->loop;
    self->config = config;
    self->wish.max = (size_t)config->max_message;
    self->wish.sentence = strcmp(config->body, "text") == 0;
    for (int i = 0; syslog_facilities[i]; i++)
        if (strcmp(syslog_facilities[i], config->facility) == 0)
            self->wish.facility = i;
    life_init(&self->life, place->loop);
    return self;
}

static void close_sink(void *data)
{
    struct self *self = data;
    timer_stop(&self->look);
    timer_stop(&self->limit);
    datagram_cancel(self->datagrams);
    hang_up(self);
    life_drop(&self->life);
    text_finish(&self->frames);
    free(self->pieces);
    free(self);
}

const struct sink_type syslog_sink = {
    .face =
        {
            .name = "syslog",
            .summary = "events as messages of RFC 5424, by UDP, TCP or TLS",
            .options = options,
            .config_size = sizeof(struct syslog_options),
            .queued = true,
            .check = check,
        },
    .open = open_sink,
    .carry = carry,
    .close = close_sink,
};
