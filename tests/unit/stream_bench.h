/*
 * stream_bench - servers of each manner, and a client that notes what it was told, on one loop.
 *
 * For test_stream.c and test_stream_tls.c; everything is static inline.
 */
#ifndef TESTS_STREAM_BENCH_H
#define TESTS_STREAM_BENCH_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/mem.h"
#include "files.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "io/stream.h"
#include "io/tls.h"
#include "io/wait.h"
#include "pki.h"

static struct loop *loop;
static struct life life;
static int files_before;
static char folder[64], ca_file[96], own_file[96];
static struct pki_pair root;
static const struct probe_tls trusting = {.ca = ca_file};

/* -------------------------------------------------------------- servers ---- */

/* What a server does with the connection it accepted. */
enum manner {
    ECHOES,
    SILENT,
    GREETS_AND_CLOSES,
    RESETS,  /* at the first bytes */
    FLOODS,  /* 64 KiB at the first bytes */
    TURNS,   /* answers the first bytes with "Y", then speaks TLS */
    CUTS_TLS /* closes without TLS' good-bye at the first bytes */
};

static struct server {
    enum manner manner;
    SSL_CTX *tls;
    int listening, fd;
    struct watch *door, *watch;
    SSL *ssl;
    bool turned;
    uint16_t port;
    int accepted;
    char sni[64];
} server;

static inline void server_close_connection(void)
{
    watch_destroy(server.watch);
    SSL_free(server.ssl);
    if (server.fd >= 0)
        close(server.fd);
    server.watch = NULL;
    server.ssl = NULL;
    server.fd = -1;
}

static inline void server_say(const char *bytes, size_t len)
{
    if (server.ssl)
        assert_int_equal(SSL_write(server.ssl, bytes, (int)len), (int)len);
    else
        assert_int_equal(send(server.fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static inline void server_begin_tls(void)
{
    server.ssl = SSL_new(server.tls);
    SSL_set_fd(server.ssl, server.fd);
    SSL_set_accept_state(server.ssl);
}

static inline void server_answer(const char *bytes, size_t len)
{
    const struct linger at_once = {1, 0};
    static const char flood[64 << 10];
    switch (server.manner) {
    case ECHOES:
        server_say(bytes, len);
        break;
    case TURNS:
        if (server.ssl) {
            server_say(bytes, len);
        } else {
            server_say("Y", 1);
            server_begin_tls();
        }
        break;
    case FLOODS:
        server_say(flood, sizeof(flood));
        break;
    case RESETS:
        (void)setsockopt(server.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        server_close_connection();
        break;
    case CUTS_TLS:
        SSL_set_quiet_shutdown(server.ssl, 1);
        server_close_connection();
        break;
    case SILENT:
    case GREETS_AND_CLOSES:
        break;
    }
}

static inline void on_server_ready(int status, unsigned events, void *data)
{
    char bytes[16 << 10];
    (void)status, (void)events, (void)data;
    if (server.manner == SILENT)
        return;
    for (;;) {
        ssize_t n = server.ssl ? SSL_read(server.ssl, bytes, sizeof(bytes))
                               : recv(server.fd, bytes, sizeof(bytes), 0);
        if (server.ssl && SSL_get_servername(server.ssl, TLSEXT_NAMETYPE_host_name))
            (void)snprintf(server.sni,
                           sizeof(server.sni),
                           "%s",
                           SSL_get_servername(server.ssl, TLSEXT_NAMETYPE_host_name));
        if (n <= 0 && (server.ssl ? SSL_want_read(server.ssl) : n < 0 && errno == EAGAIN))
            return;
        if (n <= 0) {
            server_close_connection();
            return;
        }
        server_answer(bytes, (size_t)n);
        if (server.fd < 0)
            return;
    }
}

static inline void on_door(int status, unsigned events, void *data)
{
    (void)status, (void)events, (void)data;
    server_close_connection();
    server.fd = accept4(server.listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(server.fd >= 0);
    const int one = 1; /* or its echo waits 40 ms behind TLS' session tickets */
    (void)setsockopt(server.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    server.accepted++;
    if (server.manner == GREETS_AND_CLOSES) {
        server_say("-ERR full\r\n", 11);
        server_close_connection();
        return;
    }
    if (server.tls && server.manner != TURNS)
        server_begin_tls();
    server.watch = watch_create(loop, server.fd, WATCH_READABLE, on_server_ready, NULL);
}

/* A listening socket on `address`, on *port or, where that is zero, on one that it then tells. */
static inline int listen_on(const char *address, uint16_t *port, int backlog)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t len = sizeof(to);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = inet_addr(address);
    assert_int_equal(bind(fd, (struct sockaddr *)&to, len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
    *port = ntohs(to.sin_port);
    return fd;
}

static inline void serve_at(const char *address, uint16_t port, enum manner manner, SSL_CTX *tls)
{
    server = (struct server){.manner = manner, .tls = tls, .fd = -1, .port = port};
    server.listening = listen_on(address, &server.port, 16);
    server.door = watch_create(loop, server.listening, WATCH_READABLE, on_door, NULL);
}

static inline void serve(enum manner manner, SSL_CTX *tls)
{
    serve_at("127.0.0.1", 0, manner, tls);
}

static inline void serve_path(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    server = (struct server){.manner = ECHOES, .fd = -1};
    server.listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.listening, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(listen(server.listening, 16), 0);
    server.door = watch_create(loop, server.listening, WATCH_READABLE, on_door, NULL);
}

/* A port that accepts nothing and refuses nothing: its backlog is full. */
struct hole {
    int listening, fillers[3];
    uint16_t port;
};

static inline void dig(struct hole *hole)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    hole->port = 0;
    hole->listening = listen_on("127.0.0.1", &hole->port, 0);
    to.sin_port = htons(hole->port);
    for (size_t i = 0; i < COUNT_OF(hole->fillers); i++) {
        hole->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(hole->fillers[i], (struct sockaddr *)&to, sizeof(to));
    }
}

static inline void fill(struct hole *hole)
{
    for (size_t i = 0; i < COUNT_OF(hole->fillers); i++)
        close(hole->fillers[i]);
    close(hole->listening);
}

static inline SSL_CTX *tls_server(const char *names, long from_days, long to_days)
{
    struct pki_pair leaf =
        pki_issue((struct pki_wish){"leaf", names, from_days, to_days, false, &root});
    SSL_CTX *tls = pki_server(&leaf, NULL);
    pki_free(&leaf);
    return tls;
}

static inline int set_up(void **state)
{
    (void)state;
    files_before = files_open();
    loop = loop_create();
    life_init(&life, loop);
    server = (struct server){.listening = -1, .fd = -1};
    (void)snprintf(folder, sizeof(folder), "/tmp/test_stream.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", folder);
    (void)snprintf(own_file, sizeof(own_file), "%s/own.pem", folder);
    root = pki_issue((struct pki_wish){"Test Root", NULL, -30, 100, true, NULL});
    pki_write(ca_file, root.certificate, NULL, NULL);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    life_drop(&life);
    server_close_connection();
    watch_destroy(server.door);
    SSL_CTX_free(server.tls);
    if (server.listening >= 0)
        close(server.listening);
    resolve_shutdown(loop);
    tls_shutdown();
    pki_free(&root);
    (void)unlink(ca_file);
    (void)unlink(own_file);
    (void)rmdir(folder);
    int left = loop_destroy(loop);
    return left ? left : files_open() - files_before;
}

/* --------------------------------------------------------------- client ---- */

enum reaction { NOTHING, CANCEL, END_LIFE, DROP_LIFE, SECURE };

/* What a stream told, and what to do when it tells. */
static struct seen {
    struct op *stream;
    char kinds[64]; /* O S A C for what came, in order, A once a row; F for a failure */
    char bytes[256];
    size_t len; /* of all bytes */
    int status, calls;
    enum probe_stage stage;
    char message[600];
    size_t problem_count;
    char address[64], version[16], alpn[16];
    uint16_t port;
    bool had_peer, done, opened, secured;
    struct probe_timing us;
    const char *say_when_opened, *say_when_secured, *wait_for;
    enum reaction when_opened, when_arrived, when_secured, when_ended;
} seen;

static inline void react(enum reaction reaction)
{
    if (reaction == CANCEL)
        op_cancel(seen.stream);
    else if (reaction == END_LIFE)
        life_end(&life, -ECANCELED);
    else if (reaction == DROP_LIFE)
        life_drop(&life);
    else if (reaction == SECURE)
        stream_secure(seen.stream);
}

static inline void add_kind(char kind)
{
    size_t len = strlen(seen.kinds);
    if (len + 1 < sizeof(seen.kinds) && !(kind == 'A' && len && seen.kinds[len - 1] == 'A'))
        seen.kinds[len] = kind;
}

static inline void note_peer(const struct probe_peer *peer)
{
    seen.had_peer = peer != NULL;
    if (!peer)
        return;
    (void)snprintf(seen.address, sizeof(seen.address), "%s", peer->address);
    (void)snprintf(
        seen.version, sizeof(seen.version), "%s", peer->tls_version ? peer->tls_version : "");
    (void)snprintf(seen.alpn, sizeof(seen.alpn), "%s", peer->alpn ? peer->alpn : "");
    seen.port = peer->port;
    seen.problem_count = peer->problem_count;
}

static inline void on_ended(int status, const struct probe_arrival *arrival)
{
    add_kind(status < 0 ? 'F' : 'C');
    assert_int_equal(arrival->what, status < 0 ? 0 : PROBE_CLOSED);
    seen.status = status;
    seen.stage = arrival->stage;
    if (status < 0)
        (void)snprintf(seen.message, sizeof(seen.message), "%s", arrival->message);
    seen.done = true;
    stream_write(seen.stream, "too late", 8); /* goes nowhere, and hurts nobody */
    react(seen.when_ended);
}

static inline void on_bytes(const struct probe_arrival *arrival)
{
    add_kind('A');
    for (size_t i = 0; i < arrival->len; i++, seen.len++)
        if (seen.len < sizeof(seen.bytes) - 1)
            seen.bytes[seen.len] = arrival->bytes[i];
    if (seen.wait_for && strcmp(seen.bytes, seen.wait_for) == 0)
        seen.done = true;
    react(seen.when_arrived);
}

static inline void on_stream(int status, const struct probe_arrival *arrival, void *data)
{
    assert_ptr_equal(data, &seen);
    assert_non_null(seen.stream); /* never from inside the starting call */
    seen.calls++;
    seen.us = arrival->us;
    note_peer(arrival->peer);
    if (status < 0 || arrival->what == PROBE_CLOSED) {
        on_ended(status, arrival);
    } else if (arrival->what == PROBE_OPENED) {
        add_kind('O');
        seen.opened = true;
        if (seen.say_when_opened)
            stream_write(seen.stream, seen.say_when_opened, strlen(seen.say_when_opened));
        react(seen.when_opened);
    } else if (arrival->what == PROBE_SECURED) {
        add_kind('S');
        seen.secured = true;
        if (seen.say_when_secured)
            stream_write(seen.stream, seen.say_when_secured, strlen(seen.say_when_secured));
        react(seen.when_secured);
    } else {
        on_bytes(arrival);
    }
    /* Whatever was done above, what was handed in is still there. */
    note_peer(arrival->peer);
}

static inline void dial(struct probe_endpoint endpoint)
{
    endpoint.size = sizeof(endpoint);
    seen.stream = stream_dial(&life, &endpoint, on_stream, &seen);
    assert_int_equal(seen.calls, 0);
}

static inline void dial_and_wait(struct probe_endpoint endpoint)
{
    dial(endpoint);
    assert_true(loop_run_until(loop, &seen.done, 5000));
}

static inline void run_for(uint64_t ms)
{
    bool never = false;
    (void)loop_run_until(loop, &never, ms);
}

static inline void expect_failure(int status, enum probe_stage stage, const char *words)
{
    assert_int_equal(seen.status, status);
    assert_int_equal(seen.stage, stage);
    if (!strstr(seen.message, words))
        fail_msg("\"%s\" lacks \"%s\"", seen.message, words);
}

#endif
