#include "wire.h"

#include <stdlib.h>
#include <string.h>

#include "errors.h"

enum {
    DEFAULT_PORT = 6379,
    OLDEST_US = 60 * 1000000,
    MOST_ELEMENTS = 10000, /* of an array: what we ask has far fewer */
    LONGEST_REPLY =
        1024 * 1024 /* INFO has 6 KiB, a page of SCAN some 30, CLIENT LIST 300 a client */
};

static void on_stream(int status, const struct probe_arrival *arrival, void *data);

void wire_init(struct wire *wire, struct probe_life *life, const struct wire_server *server)
{
    *wire = (struct wire){.life = life, .server = server};
}

int64_t wire_elapsed_us(const struct wire *wire)
{
    return (int64_t)(probe_now_us(wire->life) - wire->asked_us);
}

int64_t wire_patience_ms(const struct wire *wire)
{
    int64_t gone = (int64_t)(probe_now_us(wire->life) - wire->opened_us) / 1000;
    if (wire->patience_ms == 0)
        return 0;
    return wire->patience_ms > gone ? wire->patience_ms - gone : 1;
}

/* ------------------------------------------------------------- closing ---- */

static void forget_replies(struct wire *wire)
{
    for (size_t i = 0; i < wire->got; i++)
        freeReplyObject(wire->replies[i]);
    free(wire->replies);
    wire->replies = NULL;
    wire->got = 0;
}

/* Forgets the connection, not the command; the stream is gone already, or is cancelled before. */
static void drop(struct wire *wire)
{
    if (wire->reader)
        redisReaderFree(wire->reader);
    forget_replies(wire);
    wire->reader = NULL;
    wire->stream = NULL;
    wire->served = false;
    wire->stage = WIRE_OPENING;
}

static void forget_command(struct wire *wire)
{
    command_clear(&wire->command);
    wire->fn = NULL;
}

void wire_bury(struct wire *wire)
{
    if (wire->stage == WIRE_FINDING && wire->guide)
        wire->guide->stop(wire->guide, true);
    drop(wire);
    forget_command(wire);
}

void wire_close(struct wire *wire)
{
    if (wire->stage == WIRE_FINDING && wire->guide)
        wire->guide->stop(wire->guide, false);
    probe_cancel(wire->life, wire->stream);
    drop(wire);
    forget_command(wire);
}

void wire_forget(struct wire *wire)
{
    if (wire->command.count > 0)
        wire_close(wire);
}

/* The connection is no good: tells whoever waits, as the last step. */
static void fail(struct wire *wire, const struct probe_ending *why)
{
    wire_fn *fn = wire->fn;
    void *data = wire->data;
    wire_close(wire);
    if (fn)
        fn(NULL, why, data);
}

/* ------------------------------------------------------------- opening ---- */

/* hiredis allocates as many pointers as the server announces. */
static void *create_array(const redisReadTask *task, int elements)
{
    const struct wire *wire = task->privdata;
    return elements > MOST_ELEMENTS ? NULL : wire->create_array(task, elements);
}

static void begin_reading(struct wire *wire)
{
    wire->reader = redisReaderCreate();
    if (!wire->reader)
        abort(); /* out of memory */
    wire->functions = *wire->reader->fn;
    wire->create_array = wire->functions.createArray;
    wire->functions.createArray = create_array;
    wire->reader->fn = &wire->functions;
    wire->reader->privdata = wire;
}

static void dial(struct wire *wire, const char *host, uint16_t port)
{
    const struct wire_server *server = wire->server;
    begin_reading(wire);
    wire->stage = WIRE_OPENING;
    wire->stream = probe_dial(wire->life,
                              on_stream,
                              wire,
                              .host = host,
                              .port = port ? port : DEFAULT_PORT,
                              .path = host ? NULL : server->path,
                              .safety = server->safe ? PROBE_SAFE : PROBE_CLEAR,
                              .tls = server->tls,
                              .timeout_ms = wire_patience_ms(wire),
                              .max_reply = LONGEST_REPLY);
}

static void open_up(struct wire *wire)
{
    wire->opened_us = probe_now_us(wire->life);
    if (wire->guide) {
        wire->stage = WIRE_FINDING;
        wire->guide->find(wire->guide, wire);
    } else {
        dial(wire, wire->server->host, wire->server->port);
    }
}

void wire_found(struct wire *wire, const char *host, uint16_t port)
{
    (void)snprintf(wire->host, sizeof(wire->host), "%s", host);
    wire->port = port;
    dial(wire, wire->host, port);
}

void wire_unfound(struct wire *wire, const struct probe_ending *why)
{
    wire->stage = WIRE_OPENING;
    fail(wire, why);
}

static void send_words(struct wire *wire, int argc, const char *const *argv)
{
    struct command command = {0};
    command_add(&command, argc, argv);
    probe_write(wire->life, wire->stream, command.bytes, command.len);
    command_clear(&command);
}

static void send_command(struct wire *wire)
{
    wire->stage = WIRE_READY;
    wire->asked_us = probe_now_us(wire->life);
    probe_write(wire->life, wire->stream, wire->command.bytes, wire->command.len);
}

static void choose_database(struct wire *wire)
{
    char number[24];
    if (wire->server->db == 0) {
        send_command(wire);
        return;
    }
    (void)snprintf(number, sizeof(number), "%lld", (long long)wire->server->db);
    wire->stage = WIRE_SELECT;
    send_words(wire, WORDS("SELECT", number));
}

/* Without a user AUTH has one argument, which servers before 6.0 know too. */
static void log_in(struct wire *wire)
{
    const struct wire_server *server = wire->server;
    const char *password = server->password ? probe_reveal(wire->life, server->password) : NULL;
    if (server->password && !password)
        fail(wire, &errors_no_secret);
    else if (!password)
        choose_database(wire);
    else {
        wire->stage = WIRE_AUTH;
        if (server->user && *server->user)
            send_words(wire, WORDS("AUTH", server->user, password));
        else
            send_words(wire, WORDS("AUTH", password));
    }
}

/* ------------------------------------------------------------- replies ---- */

/* The last of the replies that were due. */
static void deliver(struct wire *wire, redisReply *reply)
{
    redisReply **replies = wire->replies;
    redisReply all = {.type = REDIS_REPLY_ARRAY, .elements = wire->got + 1, .element = replies};
    wire_fn *fn = wire->fn;
    void *data = wire->data;
    if (replies)
        replies[wire->got] = reply;
    wire->replies = NULL;
    wire->got = 0;
    wire->served = true;
    forget_command(wire);
    fn(replies ? &all : reply, NULL, data);
    for (size_t i = 0; replies && i < all.elements; i++)
        freeReplyObject(replies[i]);
    free(replies);
    if (!replies)
        freeReplyObject(reply);
}

static void take_login(struct wire *wire, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        struct error_text text;
        struct probe_ending why = errors_explain(reply->str, &text);
        fail(wire, &why);
    } else if (wire->stage == WIRE_AUTH) {
        choose_database(wire);
    } else {
        send_command(wire);
    }
}

static void fail_protocol(struct wire *wire, const char *bytes, size_t len)
{
    char first = '\0';
    if (len > 0)
        first = bytes[0];
    struct probe_ending why = errors_protocol(first);
    fail(wire, &why);
}

static void keep_reply(struct wire *wire, redisReply *reply)
{
    if (!wire->replies)
        wire->replies = calloc(wire->command.count, sizeof(redisReply *));
    if (!wire->replies)
        abort(); /* out of memory */
    wire->replies[wire->got++] = reply;
}

/* Whether this is not the last reply that is due. */
static bool more_due(const struct wire *wire)
{
    return wire->stage == WIRE_READY && wire->got + 1 < wire->command.count;
}

static void read_bytes(struct wire *wire, const char *bytes, size_t len)
{
    void *reply = NULL;
    int status = redisReaderFeed(wire->reader, bytes, len);
    if (status == REDIS_OK)
        status = redisReaderGetReply(wire->reader, &reply);
    while (status == REDIS_OK && reply && more_due(wire)) {
        keep_reply(wire, reply);
        reply = NULL;
        status = redisReaderGetReply(wire->reader, &reply);
    }
    if (status != REDIS_OK) {
        fail_protocol(wire, bytes, len);
    } else if (reply && (wire->command.count == 0 || wire->reader->pos < wire->reader->len)) {
        freeReplyObject(reply); /* more than was asked for: we are out of step */
        fail_protocol(wire, "", 0);
    } else if (reply && wire->stage == WIRE_READY) {
        deliver(wire, reply);
    } else if (reply) {
        take_login(wire, reply);
        freeReplyObject(reply);
    }
}

/* A connection that served before and says nothing to this command was closed while it was idle. */
static bool stale(const struct wire *wire)
{
    return wire->served && !wire->once && wire->command.count > 0 && wire->got == 0 &&
           wire->reader->pos == wire->reader->len;
}

static void lose(struct wire *wire, int status, const struct probe_arrival *arrival)
{
    bool again = stale(wire);
    struct error_text text;
    struct probe_ending why = errors_of_stream(status, arrival, wire->server->safe, &text);
    drop(wire);
    if (again)
        open_up(wire);
    else
        fail(wire, &why);
}

static void on_stream(int status, const struct probe_arrival *arrival, void *data)
{
    struct wire *wire = data;
    if (status < 0 || arrival->what == PROBE_CLOSED) {
        lose(wire, status, arrival);
    } else if (arrival->what == PROBE_OPENED) {
        wire->connect_us = arrival->us.total;
        log_in(wire);
    } else if (arrival->what == PROBE_ARRIVED) {
        read_bytes(wire, arrival->bytes, arrival->len);
    }
}

/* -------------------------------------------------------------- asking ---- */

void wire_ask(struct wire *wire, wire_fn *fn, void *data, const struct command *command)
{
    wire->fn = fn;
    wire->data = data;
    command_copy(&wire->command, command);
    if (wire->stream && probe_now_us(wire->life) - wire->opened_us > OLDEST_US) {
        probe_cancel(wire->life, wire->stream);
        drop(wire);
    }
    if (wire->stream)
        send_command(wire);
    else
        open_up(wire);
}
