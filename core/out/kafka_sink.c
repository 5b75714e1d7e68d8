/*
 * kafka_sink - type "kafka": each event a message of a topic, by librdkafka (out/kafka_library).
 *
 * acks=all and an idempotent producer: a parcel counts as taken once every replica in sync has all
 * of it.  The key is the finding's id, so what is said of one finding stays in order, in one
 * partition; of events without an id it is the agent's boot.  Where some of a parcel was not
 * delivered within the timeout, that is carried again, and what follows it under the same key, so that the
 * last that a topic has of a finding is the newest (out/progress).
 *
 * librdkafka has threads of its own, on which it looks names up, connects and waits; what they have
 * to tell is fetched on the loop, without waiting.  Its end, which may wait, is on a thread of ours.
 *
 * Layer: out.  Uses: base, io/hand, io/wait, out/kafka_library, out/kafka_options, out/progress, out/sink.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/redact.h"
#include "io/hand.h"
#include "io/secret.h"
#include "io/wait.h"
#include "out/kafka_library.h"
#include "out/kafka_options.h"
#include "out/progress.h"
#include "out/sink.h"
#include "out/sink_types.h"
#include "out/view.h"

enum { LONGEST_MESSAGE = 240, LONGEST_KEY = 64 };

struct self {
    struct loop *loop;
    const struct kafka_options *config;
    struct timer later;
#ifdef RUNBOOKD_KAFKA
    const struct kafka_library *library;
    rd_kafka_t *producer; /* NULL: there is none yet, or no more */
    rd_kafka_topic_t *topic;
    int fd; /* told when there is something to fetch */
    struct watch *watch;
    bool refused; /* user and password were: they are read again for another producer */
#endif
    struct progress progress;
    struct view lines; /* of the parcel under way */
    size_t outstanding;
    enum sink_verdict verdict;                           /* of what failed, the worst */
    char why[LONGEST_MESSAGE], trouble[LONGEST_MESSAGE]; /* of messages; of brokers, the last */
    sink_carried_fn *fn;                                 /* NULL: nothing is under way */
    void *data;
};

/* What is said of one finding has one key; what has none, one of the agent's. */
static void write_key(struct view line, struct text *key)
{
    struct view id = view_member(line, "id");
    text_init(key, LONGEST_KEY);
    if (!id.at || !view_add_text(id, key))
        (void)view_add_text(view_member(view_member(line, "agent"), "boot"), key);
}

/* FNV-1a. */
static uint32_t hash_key(struct view line)
{
    struct text TEXT_AUTO key;
    uint32_t hash = 2166136261u;
    write_key(line, &key);
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (uint8_t)key.bytes[i]) * 16777619u;
    return hash;
}

/* After what is to be sent again, all of the same key is, too: by hash, so a few others with it. */
static void keep_order(struct self *self)
{
    enum { KEYS = 1 << 16 };
    struct view rest = self->lines, line;
    MEM_AUTO bool *waits = mem_array(KEYS, sizeof(*waits));
    for (size_t at = 0; at < self->progress.parcel && view_line(&rest, &line); at++) {
        bool *of_key = &waits[hash_key(line) % KEYS];
        bool *done = &self->progress.events[at].done;
        *of_key = *of_key || !*done;
        *done = !*of_key;
    }
}

static void answer(void *data)
{
    struct self *self = data;
    sink_carried_fn *fn = self->fn;
    MEM_AUTO char *message = NULL;
    if (self->verdict != SINK_TAKEN)
        message = mem_print("%s%s%s", self->why, *self->trouble ? "; last: " : "", self->trouble);
    else
        *self->trouble = '\0'; /* which librdkafka says once, however long it lasts */
    self->fn = NULL;
    if (self->verdict == SINK_TAKEN)
        progress_taken(&self->progress);
    else if (self->verdict == SINK_LATER)
        keep_order(self);
    fn(&(const struct sink_answer){.verdict = self->verdict, .message = message}, self->data);
}

static void note(char *to, const char *text)
{
    MEM_AUTO char *safe = redact_copy(text, LONGEST_MESSAGE - 1);
    (void)snprintf(to, LONGEST_MESSAGE, "%s", safe);
}

static void fail(struct self *self, enum sink_verdict verdict, const char *why)
{
    if (self->verdict == SINK_LATER) /* first what passes by; then what is wrong is found out */
        return;
    self->verdict = verdict;
    note(self->why, why);
}

#ifdef RUNBOOKD_KAFKA

/* ------------------------------------------------------------ what it tells ---- */

static enum sink_verdict verdict_of(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        return SINK_REFUSED;
    default:
        return SINK_LATER;
    }
}

/* Delivery reports of an earlier parcel do not come: each is waited for. */
static void on_delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *data)
{
    struct self *self = data;
    struct progress_event *event = message->_private;
    (void)producer;
    if (message->err)
        fail(self, verdict_of(message->err), self->library->err2str(message->err));
    event->done = !message->err;
    if (self->outstanding > 0 && --self->outstanding == 0 && self->fn)
        timer_start(&self->later, self->loop, 0, answer, self);
}

static void on_error(rd_kafka_t *producer, int code, const char *reason, void *data)
{
    struct self *self = data;
    (void)producer;
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION)
        self->refused = true;
    note(self->trouble, reason);
}

static void on_log(const rd_kafka_t *producer, int level, const char *facility, const char *text)
{
    (void)producer;
    (void)level;
    log_debug("librdkafka: %s: %s", facility, text);
}

static void on_readable(int status, unsigned events, void *data)
{
    struct self *self = data;
    uint64_t count;
    ssize_t len = read(self->fd, &count, sizeof(count)); /* how often it was written, no matter */
    (void)len;
    (void)status;
    (void)events;
    (void)self->library->poll(self->producer, 0);
}

/* ------------------------------------------------------------ begin and end ---- */

struct setter {
    const struct kafka_library *library;
    rd_kafka_conf_t *conf;
    char message[LONGEST_MESSAGE];
};

static int set(const char *name, const char *value, void *data)
{
    struct setter *setter = data;
    rd_kafka_conf_res_t result = setter->library->conf_set(
        setter->conf, name, value, setter->message, sizeof(setter->message));
    return result == RD_KAFKA_CONF_OK ? 0 : -EINVAL;
}

static rd_kafka_conf_t *make_conf(struct self *self, struct setter *setter)
{
    const struct kafka_library *library = self->library;
    setter->conf = library->conf_new();
    int status = kafka_settings(self->config, set, setter);
    if (status < 0) {
        if (status == -EACCES)
            note(setter->message, "the secret that it needs cannot be read");
        library->conf_destroy(setter->conf);
        return NULL;
    }
    library->conf_set_opaque(setter->conf, self);
    library->conf_set_dr_msg_cb(setter->conf, on_delivered);
    library->conf_set_error_cb(setter->conf, on_error);
    library->conf_set_log_cb(setter->conf, on_log);
    return setter->conf;
}

/* Whatever it has to tell writes into an eventfd of ours. */
static void listen_to(struct self *self)
{
    static const uint64_t one = 1;
    self->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)self->library->set_log_queue(self->producer, NULL);
    rd_kafka_queue_t *queue = self->library->queue_get_main(self->producer);
    self->library->queue_io_event_enable(queue, self->fd, &one, sizeof(one));
    self->library->queue_destroy(queue);
    self->watch = watch_create(self->loop, self->fd, WATCH_READABLE, on_readable, self);
}

/* False: self->why says why there is no producer. */
static bool begin(struct self *self)
{
    struct error error;
    struct setter setter = {0};
    if (self->producer)
        return true;
    self->library = kafka_load(&error);
    if (!self->library) {
        (void)snprintf(self->why, sizeof(self->why), "%.140s; %.90s", error.message, error.hint);
        return false;
    }
    setter.library = self->library;
    rd_kafka_conf_t *conf = make_conf(self, &setter);
    if (conf)
        self->producer =
            self->library->new (RD_KAFKA_PRODUCER, conf, setter.message, sizeof(setter.message));
    if (!self->producer) {
        if (conf)
            self->library->conf_destroy(conf);
        note(self->why, setter.message);
        return false;
    }
    self->topic = self->library->topic_new(self->producer, self->config->topic, NULL);
    listen_to(self);
    return true;
}

/* What is left of a producer, for the thread that ends it. */
struct remains {
    const struct kafka_library *library;
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    int fd;
};

static int nothing(void *state)
{
    (void)state;
    return 0;
}

static void end_producer(void *state)
{
    struct remains *remains = state;
    remains->library->topic_destroy(remains->topic);
    (void)remains->library->purge(remains->producer,
                                  RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                      RD_KAFKA_PURGE_F_NON_BLOCKING);
    remains->library->destroy_flags(remains->producer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    (void)close(remains->fd);
    free(remains);
}

/* Nothing of it is told any more: reports are given only while it is polled. */
static void end(struct self *self)
{
    if (!self->producer)
        return;
    struct remains *remains = mem_new(sizeof(*remains));
    *remains = (struct remains){self->library, self->producer, self->topic, self->fd};
    watch_destroy(self->watch);
    self->watch = NULL;
    self->producer = NULL;
    struct hand *hand = hand_open(self->loop, nothing, end_producer, remains);
    if (hand)
        hand_close(hand, 0);
    else
        end_producer(remains);
}

/* A producer that met a fatal error takes nothing any more, and one keeps its password. */
static void end_a_broken_one(struct self *self)
{
    char why[LONGEST_MESSAGE];
    if (!self->producer ||
        (!self->refused && !self->library->fatal_error(self->producer, why, sizeof(why))))
        return;
    if (self->refused && self->config->password)
        secret_forget(self->config->password);
    self->refused = false;
    end(self);
}

/* ------------------------------------------------------------------- carry ---- */

static void produce(struct self *self, struct view line, struct progress_event *event)
{
    struct text TEXT_AUTO key;
    write_key(line, &key);
    int status = self->library->produce(self->topic,
                                        RD_KAFKA_PARTITION_UA,
                                        RD_KAFKA_MSG_F_COPY,
                                        (void *)(uintptr_t)line.at,
                                        line.len,
                                        key.bytes,
                                        key.len,
                                        event);
    if (status == 0) {
        self->outstanding++;
        return;
    }
    rd_kafka_resp_err_t code = self->library->last_error();
    fail(self, verdict_of(code), self->library->err2str(code));
}

static void send_all(struct self *self)
{
    struct view rest = self->lines, line;
    end_a_broken_one(self);
    if (!begin(self)) {
        self->verdict = SINK_LATER;
        return;
    }
    for (size_t at = 0; at < self->progress.parcel && view_line(&rest, &line); at++)
        if (!self->progress.events[at].done)
            produce(self, line, &self->progress.events[at]);
}

#else

static void end(struct self *self)
{
    (void)self;
}

static void send_all(struct self *self)
{
    fail(self, SINK_LATER, "this runbookd was built without librdkafka");
}

#endif

static void carry(void *data, const struct sink_parcel *parcel, sink_carried_fn *fn, void *fn_data)
{
    struct self *self = data;
    self->fn = fn;
    self->data = fn_data;
    self->verdict = SINK_TAKEN;
    self->outstanding = 0;
    *self->why = '\0';
    progress_begin(&self->progress, parcel);
    self->lines = (struct view){parcel->lines, parcel->len};
    send_all(self);
    if (self->outstanding == 0)
        timer_start(&self->later, self->loop, 0, answer, self);
}

static void *open_sink(const struct sink_place *place)
{
    struct self *self = mem_new(sizeof(*self));
    self->loop = place->loop;
    self->config = place->config;
    return self;
}

static void close_sink(void *data)
{
    struct self *self = data;
    timer_stop(&self->later);
    end(self);
    progress_finish(&self->progress);
    free(self);
}

const struct sink_type kafka_sink = {
    .face =
        {
            .name = "kafka",
            .summary = "events as messages of a Kafka topic",
            .options = kafka_options,
            .config_size = sizeof(struct kafka_options),
            .queued = true,
            .check = kafka_check,
            .needs = kafka_needs,
        },
    .open = open_sink,
    .carry = carry,
    .close = close_sink,
};
