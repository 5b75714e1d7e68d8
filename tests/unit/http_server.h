/*
 * http_server - a small HTTP server on the test's own loop, in clear or in TLS.
 *
 * What it does stands in the request's path: "/hang", "/reset", "/to?http://..." and so on; see
 * serve() and serve_badly().  Everything is static, so that a test includes this file and links
 * nothing more.
 */
#ifndef TESTS_HTTP_SERVER_H
#define TESTS_HTTP_SERVER_H

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/text.h"
#include "io/loop.h"
#include "io/wait.h"
#include "pki.h"

struct http_server {
    struct loop *loop;
    int fd;
    uint16_t port;
    struct watch *watch;
    struct list clients;
    SSL_CTX *tls; /* NULL: in clear */
    int accepted, open, requests;
    char last[8192];  /* the last request, as it came */
    char sni[256];    /* that the last client sent */
    bool saw_request; /* a byte of one, after the handshake */
    bool saw_certificate, resumed;
};

struct http_client {
    struct list link;
    struct http_server *server;
    int fd;
    SSL *ssl;
    struct watch *watch;
    struct timer drip;
    const char *dripping;
    struct text heard;
    bool secured, answered; /* answered: a request before this one */
};

static void client_close(struct http_client *client)
{
    timer_stop(&client->drip);
    watch_destroy(client->watch);
    if (client->ssl)
        (void)SSL_shutdown(client->ssl);
    SSL_free(client->ssl);
    (void)close(client->fd);
    text_finish(&client->heard);
    list_remove(&client->link);
    client->server->open--;
    free(client);
}

static void client_send(struct http_client *client, const void *bytes, size_t len)
{
    if (client->ssl)
        (void)SSL_write(client->ssl, bytes, (int)len);
    else
        (void)!send(client->fd, bytes, len, MSG_NOSIGNAL);
}

static void client_say(struct http_client *client, const char *text)
{
    client_send(client, text, strlen(text));
}

static void client_answer(struct http_client *client, const char *head, const char *body)
{
    char text[16384];
    (void)snprintf(text,
                   sizeof(text),
                   "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s",
                   head,
                   strlen(body),
                   body);
    client_say(client, text);
}

static void client_reset(struct http_client *client)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    client_close(client);
}

static void on_reset(void *data)
{
    client_reset(data);
}

static void on_drip(void *data)
{
    struct http_client *client = data;
    client_send(client, client->dripping++, 1);
    if (*client->dripping)
        timer_start(&client->drip, client->server->loop, 1, on_drip, client);
}

static void serve_large(struct http_client *client)
{
    char block[1000];
    memset(block, 'x', sizeof(block));
    client_say(client, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    for (int i = 0; i < 100; i++)
        client_send(client, block, sizeof(block));
}

static void serve_headers(struct http_client *client)
{
    char line[1100];
    memset(line, 'h', sizeof(line));
    memcpy(line, "X-Long: ", 8);
    memcpy(line + sizeof(line) - 2, "\r\n", 2);
    client_say(client, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 100; i++)
        client_send(client, line, sizeof(line));
    client_say(client, "\r\n");
}

/* SETTINGS, then for stream 1 the headers ":status: 200" and a body. */
static void serve_http2(struct http_client *client)
{
    static const char frames[] = "\0\0\0\4\0\0\0\0\0"
                                 "\0\0\1\1\4\0\0\0\1\x88"
                                 "\0\0\3\0\1\0\0\0\1two";
    client_send(client, frames, sizeof(frames) - 1);
}

static void serve_gzip(struct http_client *client)
{
    static const unsigned char packed[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
                                           0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x86,
                                           0xa6, 0x10, 0x36, 0x05, 0x00, 0x00, 0x00}; /* "hello" */
    client_say(client, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n");
    client_send(client, packed, sizeof(packed));
}

static void serve_redirect(struct http_client *client, const char *code, const char *target)
{
    char head[1024];
    (void)snprintf(head, sizeof(head), "%s Go\r\nLocation: %s", code, target);
    client_answer(client, head, "elsewhere");
}

/* Whether `path` is what was asked for; `*ret_query` what stands behind "?". */
static bool asks(const char *request, const char *path, char query[512])
{
    const char *at = strchr(request, ' ');
    size_t len = strlen(path);
    if (!at || strncmp(at + 1, path, len) != 0)
        return false;
    at += 1 + len;
    if (*at != ' ' && *at != '?')
        return false;
    (void)snprintf(query, 512, "%.*s", (int)strcspn(at, " "), at);
    if (*query == '?')
        memmove(query, query + 1, strlen(query));
    return true;
}

/* What no server should do.  False: it is asked for something else. */
static bool serve_badly(struct http_client *client, const char *request)
{
    static const char begun[] = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbegun";
    char query[512];
    if (asks(request, "/hang", query))
        return true;
    if (asks(request, "/garbage", query)) {
        client_say(client, "220 mail.example.org ESMTP\r\n");
    } else if (asks(request, "/begin", query)) {
        client_say(client, begun);
    } else if (asks(request, "/close", query) ||
               (asks(request, "/once", query) && client->answered)) {
        client_close(client);
    } else if (asks(request, "/cut", query)) {
        client_say(client, begun);
        client_close(client);
    } else if (asks(request, "/reset", query)) {
        client_say(client, begun);
        timer_start(&client->drip, client->server->loop, 10, on_reset, client);
    } else if (asks(request, "/headers", query)) {
        serve_headers(client);
    } else {
        return false;
    }
    return true;
}

static void serve(struct http_client *client, const char *request)
{
    char query[512];
    if (serve_badly(client, request))
        return;
    client->answered = true;
    if (strncmp(request, "PRI * HTTP/2.0", 14) == 0) {
        serve_http2(client);
    } else if (asks(request, "/ok", query) || asks(request, "/once", query)) {
        client_answer(client, "200 OK\r\nX-Word:  yes \r\nX-Empty:", "hello");
    } else if (asks(request, "/echo", query)) {
        client_answer(client, "200 OK", request);
    } else if (asks(request, "/503", query)) {
        client_answer(client, "503 Service Unavailable", "out of order");
    } else if (asks(request, "/early", query)) {
        client_say(client, "HTTP/1.1 103 Early Hints\r\nX-Word: early\r\n\r\n");
        client_answer(client, "200 OK\r\nX-Late: 1", "late");
    } else if (asks(request, "/slow", query)) {
        client->dripping = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        on_drip(client);
    } else if (asks(request, "/chunked", query)) {
        client_say(client,
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n");
    } else if (asks(request, "/large", query)) {
        serve_large(client);
    } else if (asks(request, "/gzip", query)) {
        serve_gzip(client);
    } else if (asks(request, "/to", query)) {
        serve_redirect(client, "302", query);
    } else if (asks(request, "/to307", query)) {
        serve_redirect(client, "307", query);
    } else if (asks(request, "/loop", query)) {
        serve_redirect(client, "301", "/loop");
    } else {
        client_answer(client, "404 Not Found", "no such path");
    }
}

/* How long the request is that `heard` begins with; zero: not all of it is here. */
static size_t whole_request(const struct text *heard)
{
    const char *end = strstr(heard->bytes, "\r\n\r\n");
    const char *length = strcasestr(heard->bytes, "content-length:");
    if (!end)
        return 0;
    if (strncmp(heard->bytes, "PRI ", 4) == 0) /* HTTP/2: the preface and its headers frame */
        return memmem(heard->bytes, heard->len, "127.0.0.1", 9) || heard->len > 80 ? heard->len : 0;
    size_t len = (size_t)(end - heard->bytes) + 4;
    if (length && length < end)
        len += strtoul(length + 15, NULL, 10);
    return heard->len >= len ? len : 0;
}

static ssize_t client_read(struct http_client *client, char *bytes, size_t room)
{
    if (!client->ssl)
        return recv(client->fd, bytes, room, 0);
    if (!client->secured) {
        int code = SSL_accept(client->ssl);
        int why = SSL_get_error(client->ssl, code);
        client->secured = code == 1;
        if (code != 1)
            return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1 : 0;
        const char *name = SSL_get_servername(client->ssl, TLSEXT_NAMETYPE_host_name);
        (void)snprintf(client->server->sni, sizeof(client->server->sni), "%s", name ? name : "");
        X509 *certificate = SSL_get1_peer_certificate(client->ssl);
        client->server->saw_certificate = certificate != NULL;
        X509_free(certificate);
        client->server->resumed |= SSL_session_reused(client->ssl);
    }
    int len = SSL_read(client->ssl, bytes, (int)room);
    if (len > 0)
        return len;
    int why = SSL_get_error(client->ssl, len);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

static void on_client(int status, unsigned events, void *data)
{
    struct http_client *client = data;
    struct http_server *server = client->server;
    char bytes[4096];
    ssize_t len = client_read(client, bytes, sizeof(bytes));
    (void)events;
    if (status < 0 || len == 0 || (len < 0 && !client->ssl)) {
        client_close(client);
        return;
    }
    if (len < 0)
        return;
    server->saw_request = true;
    text_add_n(&client->heard, bytes, (size_t)len);
    if (client->heard.bytes[0] == 0x16) { /* a TLS handshake, in clear */
        client_answer(client, "400 Bad Request", "");
        client_close(client);
        return;
    }
    if (!whole_request(&client->heard))
        return;
    (void)snprintf(server->last, sizeof(server->last), "%s", client->heard.bytes);
    text_cut_to(&client->heard, 0);
    server->requests++;
    serve(client, server->last);
}

static void on_accept(int status, unsigned events, void *data)
{
    struct http_server *server = data;
    int on = 1, fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    (void)status, (void)events;
    assert(fd >= 0);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct http_client *client = mem_new(sizeof(*client));
    client->server = server;
    client->fd = fd;
    text_init(&client->heard, 65536);
    if (server->tls) {
        client->ssl = SSL_new(server->tls);
        (void)SSL_set_fd(client->ssl, fd);
    }
    client->watch = watch_create(server->loop, fd, WATCH_READABLE, on_client, client);
    list_add(&server->clients, &client->link);
    server->accepted++;
    server->open++;
}

/* A port of `address` on which nobody listens, or somebody who accepts nothing. */
static int bind_port(const char *address, uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t len = sizeof(at);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)inet_pton(AF_INET, address, &at.sin_addr);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    int status = bind(fd, (struct sockaddr *)&at, sizeof(at));
    assert(status == 0);
    (void)status;
    (void)getsockname(fd, (struct sockaddr *)&at, &len);
    *port = ntohs(at.sin_port);
    return fd;
}

static void server_open_at(struct http_server *server, struct loop *loop, SSL_CTX *tls,
                           const char *address, uint16_t port)
{
    *server = (struct http_server){.loop = loop, .tls = tls, .port = port};
    list_init(&server->clients);
    server->fd = bind_port(address, &server->port);
    (void)listen(server->fd, 64);
    server->watch = watch_create(loop, server->fd, WATCH_READABLE, on_accept, server);
}

static void server_open(struct http_server *server, struct loop *loop, SSL_CTX *tls)
{
    server_open_at(server, loop, tls, "127.0.0.1", 0);
}

static void server_close(struct http_server *server)
{
    while (!list_empty(&server->clients))
        client_close(list_first(&server->clients, struct http_client, link));
    watch_destroy(server->watch);
    (void)close(server->fd);
    SSL_CTX_free(server->tls);
}

#endif
