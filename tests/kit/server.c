#include "server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/text.h"
#include "io/loop.h"
#include "io/wait.h"
#include "script.h"

enum { MOST_HEARD = 16 << 20, BACKLOG = 128 };

struct connection {
    struct list link;
    struct kit_server *server;
    int fd;
    struct watch *watch;
    struct timer turn;
    struct script script;
    const char *due; /* not yet sent */
    size_t due_len;
};

struct kit_server {
    struct loop *loop;
    int fd;
    uint16_t port;
    struct watch *watch;
    struct list connections;
    struct script_source {
        struct kit_move *moves;
    } * scripts;
    size_t script_count, came;
    struct text heard;
    char wrong[1024];
};

static void on_turn(void *data);

static void drop(struct connection *connection, bool reset)
{
    struct linger linger = {.l_onoff = reset, .l_linger = 0};
    list_remove(&connection->link);
    timer_stop(&connection->turn);
    watch_destroy(connection->watch);
    (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    (void)close(connection->fd);
    script_finish(&connection->script);
    free(connection);
}

/* Whether all that is due is out; otherwise the watch goes on with it. */
static bool push(struct connection *connection)
{
    while (connection->due_len > 0) {
        ssize_t sent =
            send(connection->fd, connection->due, connection->due_len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            watch_change(connection->watch, WATCH_READABLE | WATCH_WRITABLE);
            return false;
        }
        if (sent < 0) {
            connection->due_len = 0;
            break;
        }
        connection->due += sent;
        connection->due_len -= (size_t)sent;
    }
    watch_change(connection->watch, WATCH_READABLE);
    return true;
}

static void note_wrong(struct connection *connection)
{
    struct kit_server *server = connection->server;
    if (!server->wrong[0])
        (void)snprintf(
            server->wrong, sizeof(server->wrong), "the client %s", connection->script.said.bytes);
}

static void on_turn(void *data)
{
    struct connection *connection = data;
    struct loop *loop = connection->server->loop;
    struct script_step step = script_next(&connection->script);
    switch (step.act) {
    case SCRIPT_OPEN:
    case SCRIPT_PEER:
        timer_start(&connection->turn, loop, 0, on_turn, connection);
        return;
    case SCRIPT_PAUSE:
        timer_start(&connection->turn, loop, step.ms, on_turn, connection);
        return;
    case SCRIPT_SEND:
        connection->due = step.bytes;
        connection->due_len = step.len;
        if (push(connection))
            timer_start(&connection->turn, loop, 0, on_turn, connection);
        return;
    case SCRIPT_CLOSE:
        drop(connection, false);
        return;
    case SCRIPT_FAIL:
        drop(connection, true);
        return;
    case SCRIPT_WRONG:
        note_wrong(connection);
        drop(connection, true);
        return;
    case SCRIPT_WAIT:
    case SCRIPT_SECURE:
        return;
    }
}

static void on_ready(int status, unsigned events, void *data)
{
    struct connection *connection = data;
    char bytes[16384];
    if (status == 0 && events & WATCH_READABLE) {
        ssize_t got = recv(connection->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            drop(connection, false);
            return;
        }
        if (got > 0) {
            text_add_n(&connection->server->heard, bytes, (size_t)got);
            script_hear(&connection->script, bytes, (size_t)got);
        }
    }
    bool busy = connection->due_len > 0 && !push(connection);
    if (!busy && !timer_pending(&connection->turn))
        timer_start(&connection->turn, connection->server->loop, 0, on_turn, connection);
}

static void on_connection(int status, unsigned events, void *data)
{
    struct kit_server *server = data;
    int fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    (void)status, (void)events;
    if (fd < 0)
        return;
    struct connection *connection = mem_new(sizeof(*connection));
    size_t nth = server->came < server->script_count ? server->came : server->script_count - 1;
    server->came++;
    connection->server = server;
    connection->fd = fd;
    script_init(&connection->script, server->scripts[nth].moves);
    connection->watch = watch_create(server->loop, fd, WATCH_READABLE, on_ready, connection);
    list_add(&server->connections, &connection->link);
    timer_start(&connection->turn, server->loop, 0, on_turn, connection);
}

struct kit_server *kit_server_open(struct loop *loop, const struct kit_move *moves)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct kit_server *server = mem_new(sizeof(*server));
    server->loop = loop;
    list_init(&server->connections);
    text_init(&server->heard, MOST_HEARD);
    kit_server_add(server, moves);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool listens = server->fd >= 0 && bind(server->fd, (struct sockaddr *)&address, len) == 0 &&
                   listen(server->fd, BACKLOG) == 0 &&
                   getsockname(server->fd, (struct sockaddr *)&address, &len) == 0;
    assert(listens);
    (void)listens;
    server->port = ntohs(address.sin_port);
    server->watch = watch_create(loop, server->fd, WATCH_READABLE, on_connection, server);
    return server;
}

void kit_server_add(struct kit_server *server, const struct kit_move *moves)
{
    size_t count = server->script_count + 1;
    server->scripts = mem_resize(server->scripts, count * sizeof(*server->scripts));
    server->scripts[server->script_count].moves = script_copy(moves);
    server->script_count = count;
}

uint16_t kit_server_port(const struct kit_server *server)
{
    return server->port;
}

size_t kit_server_count(const struct kit_server *server)
{
    return server->came;
}

size_t kit_server_open_count(const struct kit_server *server)
{
    size_t count = 0;
    for (const struct list *link = server->connections.next; link != &server->connections;
         link = link->next)
        count++;
    return count;
}

const char *kit_server_heard(const struct kit_server *server)
{
    return server->heard.bytes;
}

const char *kit_server_close(struct kit_server *server)
{
    static char wrong[sizeof(server->wrong)];
    struct connection *connection;
    memcpy(wrong, server->wrong, sizeof(wrong));
    list_for_each(connection, &server->connections, struct connection, link)
        drop(connection, false);
    watch_destroy(server->watch);
    (void)close(server->fd);
    for (size_t i = 0; i < server->script_count; i++)
        free(server->scripts[i].moves);
    free(server->scripts);
    text_finish(&server->heard);
    free(server);
    return wrong[0] ? wrong : NULL;
}
