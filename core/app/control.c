#include "app/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/redact.h"
#include "base/writer.h"
#include "io/loop.h"
#include "io/wait.h"

enum {
    BACKLOG = 128,
    AT_A_TIME = 16, /* clients that are let in at one turn of the loop */
    READ_BYTES = 16 << 10,
    WRITE_BYTES = 256 << 10, /* at one turn */
    OWN_DEPTH = 4,           /* levels of an answer whose names are ours; evidence lies below */
    FULL_PAUSE_MS = 1000     /* when no descriptor is left */
};

struct control {
    struct loop *loop;
    char *path, *lock_path;
    int lock, fd;
    struct watch *watch;
    struct timer pause;
    struct list clients; /* the longest there first */
    size_t count;
    control_fn *fn;
    void *data;
};

struct control_call {
    struct client *client; /* NULL: gone, or one of our own has called */
    control_line_fn *fn;   /* of these */
    void *data;
};

struct client {
    struct list link;
    struct control *control;
    int fd;
    struct watch *watch;
    struct timer patience;
    struct ucred peer;
    struct text in, out;
    size_t written;
    struct control_call *call; /* while it waits for its answer */
};

/* --------------------------------------------------------------- clients ---- */

static void end_client(struct client *client)
{
    timer_stop(&client->patience);
    watch_destroy(client->watch);
    (void)close(client->fd);
    if (client->call)
        client->call->client = NULL;
    list_remove(&client->link);
    client->control->count--;
    text_finish(&client->in);
    text_finish(&client->out);
    free(client);
}

static void on_impatient(void *data)
{
    end_client(data);
}

static void be_patient(struct client *client)
{
    timer_start(
        &client->patience, client->control->loop, CONTROL_PATIENCE_MS, on_impatient, client);
}

static void write_on(struct client *client)
{
    size_t left = client->out.len - client->written;
    size_t part = left < WRITE_BYTES ? left : WRITE_BYTES;
    ssize_t sent = send(client->fd,
                        client->out.bytes + client->written,
                        part,
                        MSG_NOSIGNAL | MSG_DONTWAIT); /* NOLINT: not blocking */
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        end_client(client);
        return;
    }
    if (sent > 0) {
        client->written += (size_t)sent;
        be_patient(client);
    }
    if (client->written == client->out.len)
        end_client(client);
}

static void make_safe(struct text *line)
{
    struct text safe;
    if (!redact_finds(line->bytes, line->len))
        return;
    text_init(&safe, line->max);
    redact_add_json(&safe, line->bytes, line->len, OWN_DEPTH);
    text_finish(line);
    *line = safe;
}

/* The whole answer is in `out`: it goes out as the client reads. */
static void begin_to_write(struct client *client)
{
    make_safe(&client->out);
    text_add_char(&client->out, '\n');
    watch_change(client->watch, WATCH_WRITABLE);
    be_patient(client);
}

static void write_error(struct text *out, const char *message, const char *hint)
{
    struct writer writer;
    text_cut_to(out, 0);
    writer_init(&writer, out);
    writer_object(&writer, NULL);
    writer_int(&writer, "v", CONTROL_VERSION);
    writer_string(&writer, "error", message);
    if (hint)
        writer_string(&writer, "hint", hint);
    writer_end(&writer);
}

static void refuse_client(struct client *client, const char *message, const char *hint)
{
    write_error(&client->out, message, hint);
    begin_to_write(client);
}

/* --------------------------------------------------------------- answers ---- */

/* The client, which waits no more; NULL: it has gone. */
static struct client *take_client(struct control_call *call)
{
    struct client *client = call->client;
    if (client)
        client->call = NULL;
    free(call);
    return client;
}

static void write_result(struct text *out, const struct text *result)
{
    struct writer writer;
    writer_init(&writer, out);
    writer_object(&writer, NULL);
    writer_int(&writer, "v", CONTROL_VERSION);
    writer_raw_n(&writer, "result", result->bytes, result->len);
    writer_end(&writer);
    if (result->cut || out->cut)
        write_error(out, "the answer is too long", "ask for less: one target, one check");
}

/* One of our own has called. */
static void hand_back(struct control_call *call, struct text *line)
{
    make_safe(line);
    call->fn(line, call->data);
    text_finish(line);
    free(call);
}

struct control_call *control_call(control_line_fn *fn, void *data)
{
    struct control_call *call = mem_new(sizeof(*call));
    *call = (struct control_call){.fn = fn, .data = data};
    return call;
}

void control_answer(struct control_call *call, const struct text *result)
{
    struct text line;
    if (call->fn) {
        text_init(&line, CONTROL_LONGEST_ANSWER + 64);
        write_result(&line, result);
        hand_back(call, &line);
        return;
    }
    struct client *client = take_client(call);
    if (!client)
        return;
    write_result(&client->out, result);
    begin_to_write(client);
}

void control_refuse(struct control_call *call, const char *hint, const char *fmt, ...)
{
    struct text line;
    va_list args;
    va_start(args, fmt);
    MEM_AUTO char *message = mem_print_args(fmt, args);
    va_end(args);
    if (call->fn) {
        text_init(&line, CONTROL_LONGEST_REQUEST);
        write_error(&line, message, hint);
        hand_back(call, &line);
        return;
    }
    struct client *client = take_client(call);
    if (client)
        refuse_client(client, message, hint);
}

/* -------------------------------------------------------------- requests ---- */

static bool is_request(const json_t *root)
{
    const json_t *args = json_object_get(root, "args");
    return json_is_object(root) && json_is_string(json_object_get(root, "do")) &&
           (!args || json_is_object(args));
}

static void hand_over(struct client *client, json_t *root)
{
    struct control *control = client->control;
    json_t *none = json_object();
    json_t *args = json_object_get(root, "args");
    const struct control_request request = {
        .word = json_string_value(json_object_get(root, "do")),
        .args = args ? args : none,
        .uid = client->peer.uid,
        .pid = client->peer.pid,
    };
    struct control_call *call = mem_new(sizeof(*call));
    call->client = client;
    client->call = call;
    watch_change(client->watch, 0);
    timer_stop(&client->patience); /* from here on it is ours to answer in time */
    control->fn(call, &request, control->data);
    json_decref(none);
}

static void take_request(struct client *client, size_t len)
{
    json_error_t wrong;
    if (client->peer.uid != 0 && client->peer.uid != geteuid()) {
        refuse_client(client, "this socket is its own user's, and root's", NULL);
        return;
    }
    json_t *root = json_loadb(client->in.bytes, len, JSON_REJECT_DUPLICATES, &wrong);
    json_int_t version = json_integer_value(json_object_get(root, "v"));
    if (!root || !is_request(root))
        refuse_client(client,
                      "this is no request",
                      "write one line of JSON: {\"v\":1,\"do\":\"status\",\"args\":{}}");
    else if (version != CONTROL_VERSION)
        refuse_client(client,
                      "this agent speaks version 1 of the protocol",
                      "ask it with the runbookd that it was installed with");
    else
        hand_over(client, root);
    json_decref(root);
}

static void read_on(struct client *client)
{
    char bytes[READ_BYTES];
    ssize_t len = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0) {
        end_client(client);
        return;
    }
    const char *end = memchr(bytes, '\n', (size_t)len);
    text_add_n(&client->in, bytes, end ? (size_t)(end - bytes) : (size_t)len);
    if (client->in.cut)
        refuse_client(client, "the request is longer than 64 KiB", NULL);
    else if (end)
        take_request(client, client->in.len);
}

static void on_ready(int status, unsigned events, void *data)
{
    struct client *client = data;
    if (status < 0)
        end_client(client);
    else if (events & WATCH_WRITABLE)
        write_on(client);
    else
        read_on(client);
}

/* ---------------------------------------------------------- who comes in ---- */

/* The one that has said nothing for longest, of those whom nobody works for. */
static bool make_room(struct control *control)
{
    struct client *client;
    list_for_each(client, &control->clients, struct client, link) {
        if (!client->call) {
            end_client(client);
            return true;
        }
    }
    return false;
}

static void admit(struct control *control, int fd)
{
    struct client *client = mem_new(sizeof(*client));
    socklen_t len = sizeof(client->peer);
    client->control = control;
    client->fd = fd;
    text_init(&client->in, CONTROL_LONGEST_REQUEST);
    text_init(&client->out, CONTROL_LONGEST_ANSWER + 64);
    client->watch = watch_create(control->loop, fd, WATCH_READABLE, on_ready, client);
    list_add(&control->clients, &client->link);
    control->count++;
    be_patient(client);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &client->peer, &len) < 0)
        end_client(client);
}

static void on_paused(void *data)
{
    struct control *control = data;
    watch_change(control->watch, WATCH_READABLE);
}

static void on_knock(int status, unsigned events, void *data)
{
    struct control *control = data;
    (void)status;
    (void)events;
    for (int i = 0; i < AT_A_TIME; i++) {
        int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
            watch_change(control->watch, 0);
            timer_start(&control->pause, control->loop, FULL_PAUSE_MS, on_paused, control);
        }
        if (fd < 0)
            return;
        if (control->count < CONTROL_MOST_CLIENTS || make_room(control))
            admit(control, fd);
        else
            (void)close(fd);
    }
}

/* ------------------------------------------------------------ the socket ---- */

static int fail(struct error *error, int code, const char *path, const char *what)
{
    return error_set(error, code, "cannot listen at %s: %s", path, what);
}

/* Whoever holds the lock may replace what lies there: the socket's owner is dead. */
static int lock_place(struct control *control, struct error *error)
{
    control->lock = open(control->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (control->lock < 0)
        return fail(error, -errno, control->path, strerror(errno));
    if (flock(control->lock, LOCK_EX | LOCK_NB) < 0)
        return fail(error, -EADDRINUSE, control->path, "another agent does");
    return 0;
}

/* What lies there, unless somebody listens or it is no socket. */
static int clear_place(const struct sockaddr_un *address, struct error *error)
{
    struct stat there;
    if (lstat(address->sun_path, &there) < 0)
        return 0;
    if (!S_ISSOCK(there.st_mode))
        return fail(error, -EEXIST, address->sun_path, "something that is no socket is there");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int status = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
    (void)close(fd);
    if (status != -ECONNREFUSED && status != -ENOENT)
        return fail(error, -EADDRINUSE, address->sun_path, "somebody does already");
    (void)unlink(address->sun_path);
    return 0;
}

static int listen_there(struct control *control, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(control->path) >= sizeof(address.sun_path))
        return fail(error,
                    -ENAMETOOLONG,
                    control->path,
                    "a socket's path has at most 107 bytes; write a shorter one as agent.control");
    memcpy(address.sun_path, control->path, strlen(control->path) + 1);
    if (lock_place(control, error) < 0 || clear_place(&address, error) < 0)
        return error->code;
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The mode of the descriptor becomes the socket's: it is never open to others. */
    if (control->fd < 0 || fchmod(control->fd, 0600) < 0 ||
        bind(control->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return fail(error, -errno, control->path, strerror(errno));
    if (listen(control->fd, BACKLOG) < 0) {
        int code = -errno;
        (void)unlink(control->path);
        return fail(error, code, control->path, strerror(-code));
    }
    return 0;
}

struct control *control_open(struct loop *loop, const char *path, control_fn *fn, void *data,
                             struct error *error)
{
    struct control *control = mem_new(sizeof(*control));
    *control = (struct control){.loop = loop, .lock = -1, .fd = -1, .fn = fn, .data = data};
    control->path = mem_copy(path);
    control->lock_path = mem_print("%s.lock", path);
    list_init(&control->clients);
    if (listen_there(control, error) < 0) {
        if (control->fd >= 0)
            (void)close(control->fd);
        control->fd = -1;
        control_close(control);
        return NULL;
    }
    control->watch = watch_create(loop, control->fd, WATCH_READABLE, on_knock, control);
    return control;
}

void control_close(struct control *control)
{
    if (!control)
        return;
    while (!list_empty(&control->clients))
        end_client(list_first(&control->clients, struct client, link));
    timer_stop(&control->pause);
    watch_destroy(control->watch);
    if (control->fd >= 0) {
        (void)close(control->fd);
        (void)unlink(control->path);
    }
    if (control->lock >= 0)
        (void)close(control->lock);
    free(control->path);
    free(control->lock_path);
    free(control);
}
