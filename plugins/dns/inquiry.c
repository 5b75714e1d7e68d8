#include "inquiry.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AGAIN_AFTER_MS = 1000, MOST_AT_ONCE = 32, LENGTH = 2, ID = 2 };

/* ---------------------------------------------------------------- the end ---- */

static void drop_datagrams(struct inquiry *inquiry)
{
    struct probe_life *life = &inquiry->run->life;
    probe_cancel(life, inquiry->watch);
    probe_cancel(life, inquiry->timer);
    inquiry->watch = inquiry->timer = NULL;
    if (inquiry->fd >= 0)
        (void)close(inquiry->fd);
    inquiry->fd = -1;
}

static void leave(struct inquiry *inquiry)
{
    struct probe_life *life = &inquiry->run->life;
    drop_datagrams(inquiry);
    probe_cancel(life, inquiry->stream);
    inquiry->stream = NULL;
    inquiry->took_us = (int64_t)(probe_now_us(life) - inquiry->begun_us);
    inquiry->on_over(inquiry);
}

static void leave_failed(struct inquiry *inquiry, int status, const char *why)
{
    inquiry->trouble = verdict_of_failure(status);
    if (status == -ETIMEDOUT && inquiry->strange > 0)
        inquiry->trouble = TROUBLE_GARBAGE;
    (void)snprintf(inquiry->why,
                   sizeof(inquiry->why),
                   "%s%.200s",
                   inquiry->truncated ? "its answer does not fit into UDP, and over TCP: " : "",
                   inquiry->trouble == TROUBLE_GARBAGE ? "what comes is no answer" : why);
    leave(inquiry);
}

/* -------------------------------------------------------------------- TCP ---- */

static void on_stream_bytes(struct inquiry *inquiry, const char *bytes, size_t len)
{
    unsigned char *heard = inquiry->heard;
    size_t room = LENGTH + MESSAGE_LARGEST - inquiry->heard_len;
    memcpy(heard + inquiry->heard_len, bytes, len < room ? len : room);
    inquiry->heard_len += len < room ? len : room;
    /* What does not begin as an answer does need not be waited for: its "length" is none. */
    if (inquiry->heard_len >= LENGTH + ID && memcmp(heard + LENGTH, inquiry->question, ID) != 0) {
        leave_failed(inquiry, -EMSGSIZE, "");
        return;
    }
    if (inquiry->heard_len < LENGTH)
        return;
    size_t whole = (size_t)heard[0] << 8 | heard[1];
    if (inquiry->heard_len < LENGTH + whole)
        return;
    inquiry->message =
        message_read(heard + LENGTH, whole, inquiry->question, inquiry->question_len);
    if (inquiry->message)
        leave(inquiry);
    else
        leave_failed(inquiry, -EMSGSIZE, "");
}

static void send_over_stream(struct inquiry *inquiry)
{
    unsigned char framed[LENGTH + MESSAGE_QUESTION];
    framed[0] = (unsigned char)(inquiry->question_len >> 8);
    framed[1] = (unsigned char)(inquiry->question_len & 0xff);
    memcpy(framed + LENGTH, inquiry->question, inquiry->question_len);
    probe_write(&inquiry->run->life, inquiry->stream, framed, LENGTH + inquiry->question_len);
}

static void on_stream(int status, const struct probe_arrival *arrival, void *data)
{
    struct inquiry *inquiry = data;
    inquiry->connect_us = arrival->us.connect;
    if (status < 0) {
        inquiry->stream = NULL;
        leave_failed(inquiry, status, arrival->message ? arrival->message : strerror(-status));
    } else if (arrival->what == PROBE_OPENED) {
        send_over_stream(inquiry);
    } else if (arrival->what == PROBE_ARRIVED) {
        on_stream_bytes(inquiry, arrival->bytes, arrival->len);
    } else if (arrival->what == PROBE_CLOSED) {
        inquiry->stream = NULL;
        leave_failed(inquiry, -EPIPE, "the server hung up before its answer was there");
    }
}

static void start_tcp(struct inquiry *inquiry)
{
    inquiry->tcp = true;
    inquiry->heard = malloc(LENGTH + MESSAGE_LARGEST);
    if (!inquiry->heard) {
        leave_failed(inquiry, -ENOMEM, "out of memory");
        return;
    }
    inquiry->stream = probe_dial(&inquiry->run->life,
                                 on_stream,
                                 inquiry,
                                 .host = inquiry->server.host,
                                 .address = inquiry->server.host,
                                 .port = inquiry->server.port,
                                 .safety = PROBE_CLEAR,
                                 .max_reply = 2 * MESSAGE_LARGEST);
}

/* -------------------------------------------------------------------- UDP ---- */

/* A datagram is an answer, or it is not there: anybody may send some. */
static bool hear(struct inquiry *inquiry, const unsigned char *bytes, size_t len)
{
    struct message *message = message_read(bytes, len, inquiry->question, inquiry->question_len);
    if (!message) {
        inquiry->strange++;
        return false;
    }
    if (message->truncated) {
        free(message);
        inquiry->truncated = true;
        drop_datagrams(inquiry);
        start_tcp(inquiry);
        return true;
    }
    inquiry->message = message;
    leave(inquiry);
    return true;
}

static void leave_deaf(struct inquiry *inquiry, int status)
{
    const char *why = status == -ETIMEDOUT      ? "no answer"
                      : status == -ECONNREFUSED ? "nobody listens on that port"
                                                : strerror(-status);
    leave_failed(inquiry, status, why);
}

static void on_readable(int status, unsigned events, void *data)
{
    struct inquiry *inquiry = data;
    unsigned char bytes[4096];
    (void)events;
    if (status < 0) {
        int error = 0;
        socklen_t len = sizeof(error);
        inquiry->watch = NULL;
        /* What the kernel has heard, such as that nobody listens, is the socket's to tell. */
        bool heard = getsockopt(inquiry->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error;
        leave_deaf(inquiry, heard ? -error : status);
        return;
    }
    for (int i = 0; i < MOST_AT_ONCE; i++) {
        ssize_t len = recv(inquiry->fd, bytes, sizeof(bytes), 0);
        if (len >= 0 && hear(inquiry, bytes, (size_t)len))
            return;
        if (len >= 0 || errno == EINTR)
            continue;
        if (errno != EAGAIN)
            leave_deaf(inquiry, -errno);
        return;
    }
}

static void send_datagram(struct inquiry *inquiry);

static void on_silence(int status, void *data)
{
    struct inquiry *inquiry = data;
    inquiry->timer = NULL;
    if (status == 0) /* else the watch hears of it */
        send_datagram(inquiry);
}

/* The time that is left is shared by the tries that are left. */
static uint64_t pause_ms(const struct inquiry *inquiry)
{
    struct probe_run *run = inquiry->run;
    uint64_t now = probe_now(&run->life);
    uint64_t left = run->deadline_ms > now ? run->deadline_ms - now : AGAIN_AFTER_MS;
    uint64_t share = left / (uint64_t)(inquiry->most_tries - inquiry->tries + 1);
    return share < AGAIN_AFTER_MS ? share : AGAIN_AFTER_MS;
}

static void send_datagram(struct inquiry *inquiry)
{
    inquiry->tries++;
    if (send(inquiry->fd, inquiry->question, inquiry->question_len, 0) < 0 && errno != EAGAIN) {
        leave_deaf(inquiry, -errno);
    } else if (inquiry->tries < inquiry->most_tries) {
        inquiry->timer = probe_timer(&inquiry->run->life, pause_ms(inquiry), on_silence, inquiry);
    }
}

/* Connected, so that only the server's own datagrams come in, and that nobody listens is heard. */
static int open_socket(const struct server *server)
{
    const struct addrinfo wanted = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found;
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", server->port);
    if (getaddrinfo(server->host, port, &wanted, &found) != 0)
        return -EINVAL;
    int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int status = fd < 0 ? -errno : 0;
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) < 0) {
        status = -errno;
        (void)close(fd);
    }
    freeaddrinfo(found);
    return status < 0 ? status : fd;
}

/* What fails at once is told later, as everything is: nobody expects it before this returns. */
static void on_failed_start(int status, void *data)
{
    struct inquiry *inquiry = data;
    inquiry->timer = NULL;
    int why = status < 0 ? status : inquiry->fd;
    inquiry->fd = -1;
    leave_failed(inquiry, why, strerror(-why));
}

static void start_udp(struct inquiry *inquiry)
{
    struct probe_life *life = &inquiry->run->life;
    inquiry->fd = open_socket(&inquiry->server);
    if (inquiry->fd < 0) {
        inquiry->timer = probe_timer(life, 0, on_failed_start, inquiry);
        return;
    }
    inquiry->watch = probe_watch(life, inquiry->fd, PROBE_READABLE, on_readable, inquiry);
    inquiry->timer = probe_timer(life, 0, on_silence, inquiry);
}

void inquiry_start(struct inquiry *inquiry)
{
    inquiry->begun_us = probe_now_us(&inquiry->run->life);
    inquiry->fd = -1;
    if (inquiry->tcp)
        start_tcp(inquiry);
    else
        start_udp(inquiry);
}

void inquiry_close(struct inquiry *inquiry)
{
    if (inquiry->fd >= 0)
        (void)close(inquiry->fd);
    free(inquiry->heard);
    free(inquiry->message);
}
