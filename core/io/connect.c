#include "io/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "io/wait.h"

enum { MOST_TRIED = 16, BESIDE_AFTER_MS = 250 };

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    struct sockaddr_un path;
};

/* One address, and the socket that tries it. */
struct attempt {
    struct connecting *connecting;
    char *address;
    int fd; /* -1: not begun, or failed */
    struct watch *watch;
};

struct connecting {
    struct loop *loop;
    const struct endpoint *to;
    struct life looking; /* of the look-up alone */
    enum probe_stage stage;
    uint64_t resolved_us;
    struct attempt attempts[MOST_TRIED];
    size_t count, begun, pending;
    struct timer turn; /* of the next address */
    int status;        /* the failure that says most, so far ... */
    size_t failed;     /* ... and whose it was */
    char whom[320], message[400];
    connect_fn *fn;
    void *data;
};

/* --------------------------------------------------------------- words ---- */

void connect_print(const char *address, uint16_t port, char *out, size_t room)
{
    if (port == 0)
        (void)snprintf(out, room, "%s", address);
    else
        (void)snprintf(out, room, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
}

static void describe(struct connecting *connecting, size_t which)
{
    char *whom = connecting->whom;
    size_t room = sizeof(connecting->whom);
    connect_print(connecting->attempts[which].address, connecting->to->port, whom, room);
    size_t len = strlen(whom), others = connecting->begun > 0 ? connecting->begun - 1 : 0;
    if (others > 0)
        (void)snprintf(whom + len, room - len, " and %zu other%s", others, others > 1 ? "s" : "");
}

enum probe_stage connect_stage(const struct connecting *connecting)
{
    return connecting->stage;
}

const char *connect_whom(const struct connecting *connecting)
{
    return connecting->whom;
}

static void explain(struct connecting *connecting)
{
    char *out = connecting->message;
    const char *whom = connecting->whom;
    size_t room = sizeof(connecting->message);
    describe(connecting, connecting->failed);
    switch (connecting->status) {
    case -ECONNREFUSED:
        (void)snprintf(out, room, "connection refused by %s", whom);
        break;
    case -ETIMEDOUT:
        (void)snprintf(out, room, "no answer from %s", whom);
        break;
    case -EHOSTUNREACH:
    case -ENETUNREACH:
        (void)snprintf(out, room, "there is no route to %s", whom);
        break;
    case -ENOENT:
        (void)snprintf(out, room, "there is no socket %s", whom);
        break;
    case -EAGAIN:
        (void)snprintf(out, room, "%s is full: too many wait to be accepted", whom);
        break;
    default:
        (void)snprintf(out, room, "cannot connect to %s: %s", whom, strerror(-connecting->status));
    }
}

/* ------------------------------------------------------------- attempts ---- */

static int fill_address(union address *to, const struct attempt *attempt, uint16_t port)
{
    const char *from = attempt->address;
    memset(to, 0, sizeof(*to));
    if (port == 0) {
        if (strlen(from) >= sizeof(to->path.sun_path))
            return -ENAMETOOLONG;
        to->path.sun_family = AF_UNIX;
        memcpy(to->path.sun_path, from, strlen(from) + 1);
        return sizeof(to->path);
    }
    if (uv_ip4_addr(from, port, &to->four) == 0)
        return sizeof(to->four);
    if (uv_ip6_addr(from, port, &to->six) == 0)
        return sizeof(to->six);
    return -EINVAL;
}

static void give_up(struct attempt *attempt)
{
    watch_destroy(attempt->watch);
    attempt->watch = NULL;
    if (attempt->fd >= 0)
        (void)close(attempt->fd);
    attempt->fd = -1;
}

/* That somebody refused says more than that there is no way to somebody else. */
static void note_failure(struct connecting *connecting, size_t which, int status)
{
    if (connecting->status == -ECONNREFUSED)
        return;
    connecting->status = status;
    connecting->failed = which;
}

static void finish(struct connecting *connecting, struct attempt *winner)
{
    struct connect_end end = {.status = connecting->status,
                              .fd = -1,
                              .stage = connecting->stage,
                              .resolved_us = connecting->resolved_us};
    connect_fn *fn = connecting->fn;
    void *data = connecting->data;
    char *address = NULL;
    if (winner) {
        watch_destroy(winner->watch);
        winner->watch = NULL;
        address = mem_copy(winner->address);
        end.status = 0;
        end.fd = winner->fd;
        end.address = address;
        winner->fd = -1;
    } else {
        if (connecting->stage == PROBE_CONNECTING)
            explain(connecting);
        end.message = connecting->message;
    }
    /* Kept until told: the message is in it.  Nobody can cancel it any more. */
    for (size_t i = 0; i < connecting->count; i++)
        give_up(&connecting->attempts[i]);
    timer_stop(&connecting->turn);
    fn(&end, data);
    free(address);
    connect_cancel(connecting);
}

static void go_on(void *data);

static void on_ready(int status, unsigned events, void *data)
{
    struct attempt *attempt = data;
    struct connecting *connecting = attempt->connecting;
    int problem = 0;
    socklen_t len = sizeof(problem);
    (void)events;
    if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &problem, &len) < 0)
        problem = errno;
    if (problem == 0 && status < 0)
        problem = -status;
    if (problem == 0) {
        finish(connecting, attempt);
        return;
    }
    give_up(attempt);
    connecting->pending--;
    note_failure(connecting, (size_t)(attempt - connecting->attempts), -problem);
    go_on(connecting);
}

/* Zero: connected at once; -EINPROGRESS: later. */
static int begin(struct attempt *attempt)
{
    union address to;
    int one = 1, len = fill_address(&to, attempt, attempt->connecting->to->port);
    if (len < 0)
        return len;
    attempt->fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (attempt->fd < 0)
        return -errno;
    if (to.any.sa_family != AF_UNIX)
        (void)setsockopt(attempt->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(attempt->fd, &to.any, (socklen_t)len) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return -errno;
    attempt->watch =
        watch_create(attempt->connecting->loop, attempt->fd, WATCH_WRITABLE, on_ready, attempt);
    return -EINPROGRESS;
}

/* Tries the next address; the end where there is none left to wait for. */
static void go_on(void *data)
{
    struct connecting *connecting = data;
    timer_stop(&connecting->turn);
    while (connecting->begun < connecting->count) {
        size_t which = connecting->begun++;
        struct attempt *attempt = &connecting->attempts[which];
        int status = begin(attempt);
        describe(connecting, which);
        if (status == 0) {
            finish(connecting, attempt);
            return;
        }
        if (status == -EINPROGRESS) {
            connecting->pending++;
            if (connecting->begun < connecting->count)
                timer_start(
                    &connecting->turn, connecting->loop, BESIDE_AFTER_MS, go_on, connecting);
            return;
        }
        give_up(attempt);
        note_failure(connecting, which, status);
    }
    if (connecting->pending == 0)
        finish(connecting, NULL);
}

/* --------------------------------------------------------------- start ---- */

static void add(struct connecting *connecting, const char *address)
{
    if (connecting->count == MOST_TRIED)
        return;
    struct attempt *attempt = &connecting->attempts[connecting->count++];
    *attempt = (struct attempt){connecting, mem_copy(address), -1, NULL};
}

static bool is_six(const char *address)
{
    return strchr(address, ':') != NULL;
}

/* The next address of a family, from `*at` on; NULL: none. */
static const char *next_of(const char *const *addresses, size_t count, size_t *at, bool six)
{
    while (*at < count) {
        const char *address = addresses[(*at)++];
        if (is_six(address) == six)
            return address;
    }
    return NULL;
}

/* Families in turn, the resolver's first one first. */
static void add_in_turn(struct connecting *connecting, const char *const *addresses, size_t count)
{
    size_t at[2] = {0, 0};
    bool six = is_six(addresses[0]);
    for (size_t i = 0; i < 2 * count; i++, six = !six) {
        const char *address = next_of(addresses, count, &at[six], six);
        if (address)
            add(connecting, address);
    }
}

static void on_resolved(int status, const char *const *addresses, size_t count, void *data)
{
    struct connecting *connecting = data;
    if (status < 0) {
        connecting->status = status;
        (void)snprintf(connecting->message,
                       sizeof(connecting->message),
                       "%s: %s",
                       connecting->to->host,
                       resolve_problem(status));
        finish(connecting, NULL);
        return;
    }
    connecting->resolved_us = loop_now_us(connecting->loop);
    connecting->stage = PROBE_CONNECTING;
    add_in_turn(connecting, addresses, count);
    go_on(connecting);
}

struct connecting *connect_start(struct loop *loop, const struct endpoint *to, connect_fn *fn,
                                 void *data)
{
    struct connecting *connecting = mem_new(sizeof(*connecting));
    const char *known = to->path ? to->path : to->address;
    connecting->loop = loop;
    connecting->to = to;
    connecting->fn = fn;
    connecting->data = data;
    life_init(&connecting->looking, loop);
    if (known) {
        connecting->stage = PROBE_CONNECTING;
        add(connecting, known);
        describe(connecting, 0);
        timer_start(&connecting->turn, loop, 0, go_on, connecting);
    } else {
        connecting->stage = PROBE_RESOLVING;
        (void)snprintf(
            connecting->whom, sizeof(connecting->whom), "the name server, for %s,", to->host);
        resolve_start(&connecting->looking, to->host, to->family, on_resolved, connecting);
    }
    return connecting;
}

void connect_cancel(struct connecting *connecting)
{
    if (!connecting)
        return;
    life_drop(&connecting->looking);
    timer_stop(&connecting->turn);
    for (size_t i = 0; i < connecting->count; i++) {
        give_up(&connecting->attempts[i]);
        free(connecting->attempts[i].address);
    }
    free(connecting);
}
