#include "io/serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/loop.h"
#include "io/wait.h"

enum { QUESTION_BYTES = 16 << 10, WAITING_IN_KERNEL = 64, LONGEST_ADDRESS = 64 };

struct serve_page {
    struct MHD_Response *response;
    unsigned code, held;
};

struct serve {
    struct loop *loop;
    struct MHD_Daemon *daemon;
    struct watch *watch; /* on the daemon's own epoll */
    struct timer again;
    bool left; /* a visitor went: the daemon listens again only once it is asked to run */
    struct serve_page *nowhere, *not_so; /* 404, 405 */
    serve_fn *fn;
    void *data;
};

struct visitor {
    struct timer end;
    int fd;
};

/* --------------------------------------------------------------- pages ---- */

static void set_header(struct serve_page *page, const char *name, const char *value)
{
    if (MHD_add_response_header(page->response, name, value) != MHD_YES)
        abort();
}

struct serve_page *serve_page_create(unsigned code, const char *type, char *bytes, size_t len)
{
    struct serve_page *page = mem_new(sizeof(*page));
    *page = (struct serve_page){
        .response = MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE),
        .code = code,
        .held = 1,
    };
    if (!page->response)
        abort();
    set_header(page, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    set_header(page, MHD_HTTP_HEADER_CONNECTION, "close");
    set_header(page, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return page;
}

struct serve_page *serve_page_of(unsigned code, const char *type, const char *text)
{
    return serve_page_create(code, type, mem_copy(text), strlen(text));
}

struct serve_page *serve_page_hold(struct serve_page *page)
{
    page->held++;
    return page;
}

void serve_page_release(struct serve_page *page)
{
    if (!page || --page->held)
        return;
    MHD_destroy_response(page->response); /* goes on for those who are reading it */
    free(page);
}

/* ------------------------------------------------------------ visitors ---- */

static void on_end(void *data)
{
    struct visitor *visitor = data;
    (void)shutdown(visitor->fd, SHUT_RDWR); /* the daemon finds it closed, and lets go */
}

static void on_visit(void *data, struct MHD_Connection *connection, void **own,
                     enum MHD_ConnectionNotificationCode what)
{
    struct serve *serve = data;
    struct visitor *visitor = *own;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        visitor = mem_new(sizeof(*visitor));
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        visitor->fd = info->connect_fd;
        timer_start(&visitor->end, serve->loop, SERVE_VISIT_MS, on_end, visitor);
        *own = visitor;
    } else if (visitor) {
        timer_stop(&visitor->end);
        free(visitor);
        *own = NULL;
        serve->left = true;
    }
}

static enum MHD_Result on_question(void *data, struct MHD_Connection *connection, const char *path,
                                   const char *method, const char *version, const char *upload,
                                   size_t *upload_len, void **own)
{
    struct serve *serve = data;
    const char *accept =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    const struct serve_question question = {path, accept ? accept : ""};
    struct serve_page *page = NULL;
    (void)version;
    (void)upload;
    (void)upload_len;
    (void)own;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        page = serve_page_hold(serve->not_so);
    else
        page = serve->fn(&question, serve->data);
    if (!page)
        page = serve_page_hold(serve->nowhere);
    enum MHD_Result result = MHD_queue_response(connection, page->code, page->response);
    serve_page_release(page);
    return result;
}

/* ------------------------------------------------------------ its loop ---- */

static void turn(void *data);

static void on_ready(int status, unsigned events, void *data)
{
    (void)events;
    if (status == 0)
        turn(data);
}

/* The daemon says itself when it wants to be asked again though nothing has happened. */
static void turn(void *data)
{
    struct serve *serve = data;
    MHD_UNSIGNED_LONG_LONG ms;
    serve->left = false;
    (void)MHD_run(serve->daemon);
    if (serve->left)
        timer_start(&serve->again, serve->loop, 0, turn, serve);
    else if (MHD_get_timeout(serve->daemon, &ms) == MHD_YES)
        timer_start(&serve->again, serve->loop, ms, turn, serve);
    else
        timer_stop(&serve->again);
}

/* ------------------------------------------------------------- opening ---- */

bool serve_address(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_len)
{
    char host[LONGEST_ADDRESS];
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
    if (!colon || len >= sizeof(host) || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strlen(colon + 1) == 0 || strlen(colon + 1) > 5)
        return false;
    unsigned long port = strtoul(colon + 1, NULL, 10);
    if (port == 0 || port > UINT16_MAX)
        return false;
    memcpy(host, text + brackets, len - 2 * brackets);
    host[len - 2 * brackets] = '\0';

    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    *ret_address = (struct sockaddr_storage){0};
    if (!brackets && inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(ret_address, &v4, *ret_len = sizeof(v4));
        return true;
    }
    if (!brackets || inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
        return false;
    memcpy(ret_address, &v6, *ret_len = sizeof(v6));
    return true;
}

/* A socket that listens; or a negative errno. */
static int listen_at(const char *text)
{
    struct sockaddr_storage address;
    socklen_t len;
    if (!serve_address(text, &address, &len))
        return -EINVAL;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (address.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, WAITING_IN_KERNEL) < 0) {
        int status = -errno;
        (void)close(fd);
        return status;
    }
    return fd;
}

static struct MHD_Daemon *start(struct serve *serve, int fd)
{
    return MHD_start_daemon(MHD_USE_EPOLL,
                            0,
                            NULL,
                            NULL,
                            on_question,
                            serve,
                            MHD_OPTION_LISTEN_SOCKET,
                            fd,
                            MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)SERVE_MOST_VISITORS,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)QUESTION_BYTES,
                            MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)SERVE_VISIT_MS / 1000,
                            MHD_OPTION_NOTIFY_CONNECTION,
                            on_visit,
                            serve,
                            MHD_OPTION_END);
}

struct serve *serve_open(struct loop *loop, const char *address, serve_fn *fn, void *data,
                         struct error *error)
{
    int fd = listen_at(address);
    if (fd < 0) {
        (void)error_set(error, fd, "cannot listen at %s: %s", address, strerror(-fd));
        return NULL;
    }
    struct serve *serve = mem_new(sizeof(*serve));
    *serve = (struct serve){.loop = loop, .fn = fn, .data = data};
    serve->nowhere = serve_page_of(MHD_HTTP_NOT_FOUND, "text/plain", "there is no such page\n");
    serve->not_so = serve_page_of(
        MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", "pages are read here, by GET and HEAD\n");
    set_header(serve->not_so, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    serve->daemon = start(serve, fd);
    if (!serve->daemon) { /* which has closed the socket */
        (void)error_set(error, -ENOMEM, "cannot serve at %s", address);
        serve_close(serve);
        return NULL;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(serve->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    serve->watch = watch_create(loop, info->epoll_fd, WATCH_READABLE, on_ready, serve);
    return serve;
}

void serve_close(struct serve *serve)
{
    if (!serve)
        return;
    watch_destroy(serve->watch);
    timer_stop(&serve->again);
    if (serve->daemon)
        MHD_stop_daemon(serve->daemon);
    serve_page_release(serve->nowhere);
    serve_page_release(serve->not_so);
    free(serve);
}
