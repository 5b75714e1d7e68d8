/*
 * http_fixture - a loop with a server on it, requests to it, and what their callbacks were given.
 *
 * For test_http.c and test_http_*.c; every test has set_up and tear_down of its own.
 */
#ifndef TESTS_HTTP_FIXTURE_H
#define TESTS_HTTP_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/redact.h"
#include "http_server.h"
#include "io/http.h"
#include "io/resolve.h"
#include "io/tls.h"

/* What a callback was given. */
struct got {
    bool done;
    int calls, status, code, version;
    char body[4096], url[512], message[1024], address[64], header[64], text[1024];
    char tls_version[16];
    size_t body_len, problem_count, presented_count;
    enum probe_stage stage;
    struct probe_timing us;
    struct op **cancels; /* ended by the callback */
    struct life *drops;
};

/* Everything a test needs; its folder holds the certificates. */
struct world {
    struct loop *loop;
    struct life life;
    struct http_server server, other;
    struct pki_pair authority, pair;
    char folder[32], ca[64], pem[64];
    struct probe_tls tls;
};

static struct world world;

static inline int set_up(void **state)
{
    (void)state;
    world = (struct world){.loop = loop_create()};
    life_init(&world.life, world.loop);
    server_open(&world.server, world.loop, NULL);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    life_drop(&world.life);
    server_close(&world.server);
    if (world.other.loop)
        server_close(&world.other);
    http_shutdown(world.loop);
    resolve_shutdown(world.loop);
    if (*world.folder) {
        (void)unlink(world.ca);
        (void)unlink(world.pem);
        (void)rmdir(world.folder);
    }
    pki_free(&world.authority);
    pki_free(&world.pair);
    tls_shutdown();
    redact_forget_all();
    return loop_destroy(world.loop);
}

/* Makes the server one that presents a certificate as wished; world.tls trusts its authority. */
static inline void secure(struct pki_wish wish)
{
    (void)snprintf(world.folder, sizeof(world.folder), "/tmp/test_http.XXXXXX");
    assert_non_null(mkdtemp(world.folder));
    (void)snprintf(world.ca, sizeof(world.ca), "%s/ca.pem", world.folder);
    (void)snprintf(world.pem, sizeof(world.pem), "%s/own.pem", world.folder);
    world.authority = pki_issue(
        (struct pki_wish){.name = "Test CA", .from_days = -900, .to_days = 9, .authority = true});
    wish.issuer = &world.authority;
    world.pair = pki_issue(wish);
    pki_write(world.ca, world.authority.certificate, NULL, NULL);
    pki_write(world.pem, world.pair.certificate, NULL, world.pair.key);
    world.tls = (struct probe_tls){.ca = world.ca};
    server_close(&world.server);
    server_open(&world.server, world.loop, pki_server(&world.pair, NULL));
}

static const struct pki_wish good = {
    .name = "localhost", .names = "DNS:localhost,IP:127.0.0.1", .from_days = -1, .to_days = 9};

static inline void copy(char *to, size_t room, const char *from)
{
    (void)snprintf(to, room, "%s", from ? from : "");
}

static inline void on_answer(int status, const struct probe_response *response, void *data)
{
    struct got *got = data;
    got->calls++;
    got->done = true;
    got->status = status;
    got->code = response->code;
    got->version = response->version;
    got->stage = response->stage;
    got->us = response->us;
    got->body_len = response->body_len;
    copy(got->body, sizeof(got->body), response->body);
    copy(got->url, sizeof(got->url), response->url);
    copy(got->message, sizeof(got->message), response->message);
    copy(got->address, sizeof(got->address), response->peer->address);
    copy(got->tls_version, sizeof(got->tls_version), response->peer->tls_version);
    got->problem_count = response->peer->problem_count;
    got->presented_count = response->peer->presented_count;
    for (const struct probe_pair *pair = response->headers; pair->name; pair++)
        if (strcasecmp(pair->name, "x-word") == 0)
            copy(got->header, sizeof(got->header), pair->value);
    if (got->cancels) {
        op_cancel(*got->cancels);
        *got->cancels = NULL;
    }
    if (got->drops)
        life_drop(got->drops);
}

/* "http://127.0.0.1:PORT/path"; the last eight stay valid. */
static inline const char *at(const char *scheme, const char *host, uint16_t port, const char *path)
{
    static char urls[8][1024];
    static size_t next;
    char *url = urls[next++ % 8];
    (void)snprintf(url, sizeof(urls[0]), "%s://%s:%u%s", scheme, host, port, path);
    return url;
}

static inline const char *here(const char *path)
{
    return at(world.server.tls ? "https" : "http", "127.0.0.1", world.server.port, path);
}

#define SEND(got_, ...)                                                                            \
    http_send(&world.life,                                                                         \
              &(const struct probe_request){sizeof(struct probe_request), __VA_ARGS__},            \
              on_answer,                                                                           \
              (got_))

#define ASK(got_, ...)                                                                             \
    do {                                                                                           \
        *(got_) = (struct got){0};                                                                 \
        (void)SEND((got_), __VA_ARGS__);                                                           \
        assert_false((got_)->done); /* never from inside the call */                               \
        assert_true(loop_run_until(world.loop, &(got_)->done, 10000));                             \
    } while (0)

static inline void run_for(uint64_t ms)
{
    bool never = false;
    (void)loop_run_until(world.loop, &never, ms);
}

#endif
