#include "io/dns.h"

#include <netdb.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/list.h"
#include "base/log.h"
#include "io/wait.h"

/* A server that hangs is asked for 2, then 4, then 8 s. */
enum { FIRST_TRY_MS = 2000, TRIES = 3 };

struct dns {
    struct loop *loop;
    ares_channel channel; /* NULL: c-ares refused */
    struct timer timeout;
    struct list eyes;
};

/* A socket of c-ares'. */
struct eye {
    struct list link;
    struct dns *dns;
    int fd;
    struct watch *watch;
};

static void on_timeout(void *data);

static void set_timeout(struct dns *dns)
{
    struct timeval left;
    if (!ares_timeout(dns->channel, NULL, &left)) {
        timer_stop(&dns->timeout);
        return;
    }
    /* One more, or it is asked a moment too soon, again and again. */
    timer_start_us(&dns->timeout,
                   dns->loop,
                   (uint64_t)left.tv_sec * 1000000u + (uint64_t)left.tv_usec + 1000u,
                   on_timeout,
                   dns);
}

static void on_timeout(void *data)
{
    struct dns *dns = data;
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timeout(dns);
}

static void on_socket(int status, unsigned events, void *data)
{
    struct eye *eye = data;
    struct dns *dns = eye->dns;
    int fd = eye->fd; /* c-ares may close it, and `eye` goes */
    bool broken = status < 0;
    ares_process_fd(dns->channel,
                    broken || events & WATCH_READABLE ? fd : ARES_SOCKET_BAD,
                    broken || events & WATCH_WRITABLE ? fd : ARES_SOCKET_BAD);
    set_timeout(dns);
}

static void close_eye(struct eye *eye)
{
    watch_destroy(eye->watch);
    list_remove(&eye->link);
    free(eye);
}

static void on_socket_state(void *data, ares_socket_t fd, int readable, int writable)
{
    struct dns *dns = data;
    unsigned events = (readable ? WATCH_READABLE : 0u) | (writable ? WATCH_WRITABLE : 0u);
    struct eye *eye;
    list_for_each(eye, &dns->eyes, struct eye, link) {
        if (eye->fd != fd)
            continue;
        if (events)
            watch_change(eye->watch, events);
        else
            close_eye(eye);
        return;
    }
    if (!events)
        return;
    eye = mem_new(sizeof(*eye));
    eye->dns = dns;
    eye->fd = fd;
    eye->watch = watch_create(dns->loop, fd, events, on_socket, eye);
    list_add(&dns->eyes, &eye->link);
}

struct dns *dns_open(struct loop *loop, const char *servers_csv)
{
    struct dns *dns = mem_new(sizeof(*dns));
    struct ares_options options = {.timeout = FIRST_TRY_MS,
                                   .tries = TRIES,
                                   .sock_state_cb = on_socket_state,
                                   .sock_state_cb_data = dns};
    (void)ares_library_init(ARES_LIB_INIT_ALL);
    dns->loop = loop;
    list_init(&dns->eyes);
    int status = ares_init_options(
        &dns->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (status == ARES_SUCCESS && servers_csv)
        status = ares_set_servers_ports_csv(dns->channel, servers_csv);
    if (status != ARES_SUCCESS)
        log_warn("names cannot be looked up: %s", ares_strerror(status));
    return dns;
}

void dns_close(struct dns *dns)
{
    if (!dns)
        return;
    if (dns->channel)
        ares_destroy(dns->channel);
    timer_stop(&dns->timeout);
    while (!list_empty(&dns->eyes))
        close_eye(list_first(&dns->eyes, struct eye, link));
    free(dns);
    ares_library_cleanup();
}

void dns_ask(struct dns *dns, const char *name, int family, ares_addrinfo_callback fn, void *data)
{
    struct ares_addrinfo_hints hints = {.ai_family = family == 4   ? AF_INET
                                                     : family == 6 ? AF_INET6
                                                                   : AF_UNSPEC};
    if (!dns->channel) {
        fn(data, ARES_ESERVFAIL, 0, NULL);
        return;
    }
    ares_getaddrinfo(dns->channel, name, NULL, &hints, fn, data);
    set_timeout(dns);
}
