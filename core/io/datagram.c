#include "io/datagram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/resolve.h"
#include "io/wait.h"

enum { ANSWER_MS = 20, AT_ONCE = 64, MOST_TRIED = 8 };

struct datagrams {
    struct datagram_wish wish;
    datagram_fn *fn;
    void *data;
    struct life life;
    struct timer limit, next;
    struct watch *watch;
    char *addresses[MOST_TRIED];
    size_t count, tried;
    int fd, problem; /* why the last one could not be connected to */
    size_t sent;     /* to the one that is being tried */
};

static void release(struct datagrams *datagrams)
{
    timer_stop(&datagrams->limit);
    timer_stop(&datagrams->next);
    watch_destroy(datagrams->watch);
    life_drop(&datagrams->life);
    if (datagrams->fd >= 0)
        (void)close(datagrams->fd);
    for (size_t i = 0; i < datagrams->count; i++)
        free(datagrams->addresses[i]);
    free(datagrams);
}

static void finish(struct datagrams *datagrams, int status, const char *what)
{
    datagram_fn *fn = datagrams->fn;
    void *data = datagrams->data;
    MEM_AUTO char *message = NULL;
    if (status < 0)
        message = mem_print("%s port %u by UDP: %s",
                            datagrams->wish.host,
                            (unsigned)datagrams->wish.port,
                            what ? what : strerror(-status));
    release(datagrams);
    fn(status, message, data);
}

static void on_limit(void *data)
{
    finish(data, -ETIMEDOUT, NULL);
}

static void fail(struct datagrams *datagrams, int status);

/* Whether somebody has answered that nobody listens. */
static void on_answer_time(void *data)
{
    struct datagrams *datagrams = data;
    int error = 0;
    socklen_t len = sizeof(error);
    (void)getsockopt(datagrams->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error)
        fail(datagrams, -error);
    else
        finish(datagrams, 0, NULL);
}

static void send_some(void *data);

static void on_writable(int status, unsigned events, void *data)
{
    struct datagrams *datagrams = data;
    (void)status;
    (void)events;
    watch_destroy(datagrams->watch);
    datagrams->watch = NULL;
    send_some(datagrams);
}

/* Not all at once: others have the loop, and a receiver's socket its time. */
static void send_some(void *data)
{
    struct datagrams *datagrams = data;
    const struct datagram_wish *wish = &datagrams->wish;
    for (int i = 0; i < AT_ONCE && datagrams->sent < wish->count; i++) {
        const struct datagram_piece *piece = &wish->pieces[datagrams->sent];
        ssize_t n =
            send(datagrams->fd, wish->bytes + piece->at, piece->len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
            datagrams->watch =
                watch_create(wish->loop, datagrams->fd, WATCH_WRITABLE, on_writable, datagrams);
            return;
        }
        if (n < 0 && errno != EINTR) {
            fail(datagrams, -errno);
            return;
        }
        datagrams->sent += n >= 0;
    }
    bool more = datagrams->sent < wish->count;
    timer_start(&datagrams->next,
                wish->loop,
                more ? 1 : ANSWER_MS,
                more ? send_some : on_answer_time,
                datagrams);
}

static int connect_to(struct datagrams *datagrams, const char *address)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } to = {0};
    uint16_t port = htons(datagrams->wish.port);
    socklen_t len = sizeof(to.four);
    if (inet_pton(AF_INET, address, &to.four.sin_addr) == 1) {
        to.four.sin_family = AF_INET;
        to.four.sin_port = port;
    } else if (inet_pton(AF_INET6, address, &to.six.sin6_addr) == 1) {
        to.six.sin6_family = AF_INET6;
        to.six.sin6_port = port;
        len = sizeof(to.six);
    } else {
        return -EINVAL;
    }
    datagrams->fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return datagrams->fd < 0 || connect(datagrams->fd, &to.any, len) < 0 ? -errno : 0;
}

/* The next address; false: there is none. */
static bool begin(struct datagrams *datagrams)
{
    while (datagrams->tried < datagrams->count) {
        if (datagrams->fd >= 0)
            (void)close(datagrams->fd);
        datagrams->fd = -1;
        datagrams->sent = 0;
        datagrams->problem = connect_to(datagrams, datagrams->addresses[datagrams->tried++]);
        if (datagrams->problem == 0) {
            timer_start(&datagrams->next, datagrams->wish.loop, 0, send_some, datagrams);
            return true;
        }
    }
    return false;
}

static void fail(struct datagrams *datagrams, int status)
{
    if (status == -EMSGSIZE || !begin(datagrams))
        finish(datagrams, status, NULL);
}

static void on_resolved(int status, const char *const *addresses, size_t count, void *data)
{
    struct datagrams *datagrams = data;
    if (status < 0 || count == 0) {
        finish(datagrams, status ? status : -ENOENT, resolve_problem(status ? status : -ENOENT));
        return;
    }
    for (size_t i = 0; i < count && i < MOST_TRIED; i++)
        datagrams->addresses[datagrams->count++] = mem_copy(addresses[i]);
    if (!begin(datagrams))
        finish(datagrams, datagrams->problem, NULL);
}

struct datagrams *datagram_send(const struct datagram_wish *wish, datagram_fn *fn, void *data)
{
    struct datagrams *datagrams = mem_new(sizeof(*datagrams));
    *datagrams = (struct datagrams){.wish = *wish, .fn = fn, .data = data, .fd = -1};
    life_init(&datagrams->life, wish->loop);
    timer_start(&datagrams->limit, wish->loop, wish->timeout_ms, on_limit, datagrams);
    (void)resolve_start(&datagrams->life, wish->host, 0, on_resolved, datagrams);
    return datagrams;
}

void datagram_cancel(struct datagrams *datagrams)
{
    if (datagrams)
        release(datagrams);
}
