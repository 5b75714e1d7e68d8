#include "app/caller.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "app/control.h"
#include "base/mem.h"
#include "base/units.h"
#include "base/writer.h"
#include "probe/config.h"
#include "probe/event.h"

enum {
    PART = 64 << 10,
    LONGEST_ANSWER = 2 * CONTROL_LONGEST_ANSWER,
    LONGEST_SAID = 16 << 20,
    MOST_PLACES = 4
};

/* ------------------------------------------------------------------ where ---- */

/* Where a socket may be; the first one that is there counts. */
struct places {
    char *paths[MOST_PLACES];
    size_t count;
    bool off; /* the configuration says that there is none */
};

static void add_place(struct places *places, char *path)
{
    places->paths[places->count++] = path;
}

static void forget_places(struct places *places)
{
    for (size_t i = 0; i < places->count; i++)
        free(places->paths[i]);
}

static void add_usual_places(struct places *places)
{
    const char *runtime = getenv("RUNTIME_DIRECTORY");
    if (runtime && *runtime == '/')
        add_place(places, mem_print("%.*s/control.sock", (int)strcspn(runtime, ":"), runtime));
    add_place(places, mem_copy("/run/runbookd/control.sock"));
    add_place(places, mem_copy("/var/lib/runbookd/control.sock"));
}

static void find_places(const struct options *options, struct places *places)
{
    const char *named = options->socket ? options->socket : getenv("RUNBOOKD_SOCKET");
    MEM_AUTO char *state = NULL;
    MEM_AUTO char *role = NULL;
    MEM_AUTO char *control = NULL;
    config_peek(options->paths, options->path_count, &state, &role, &control);
    if (options->socket || (named && *named && !options->path_count))
        add_place(places, mem_copy(named));
    else if (control && *control)
        places->off = strcmp(control, "off") == 0;
    if (places->count || places->off)
        return;
    if (control && *control)
        add_place(places, mem_copy(control));
    else if (state && *state == '/')
        add_place(places, mem_print("%s/control.sock", state));
    else
        add_usual_places(places);
}

/* ---------------------------------------------------------------- connect ---- */

static int64_t now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A descriptor, or -errno. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        int status = -errno;
        (void)close(fd);
        return status;
    }
    return fd < 0 ? -errno : fd;
}

static void say_no_agent(const char *path, int status)
{
    struct stat there;
    (void)fprintf(stderr, "runbookd: no agent answers at %s: %s\n", path, strerror(-status));
    if (status == -EACCES && stat(path, &there) == 0)
        (void)fprintf(stderr,
                      "its socket is uid %u's, and root's: try as one of them\n",
                      (unsigned)there.st_uid);
    else if (status == -EACCES)
        (void)fprintf(stderr, "try as the agent's own user, or as root\n");
    else if (status == -ECONNREFUSED)
        (void)fprintf(stderr, "the agent that made this socket is no more\n");
    else
        (void)fprintf(stderr,
                      "does one run?  Name its configuration by -c PATH, or its socket by --socket "
                      "PATH or RUNBOOKD_SOCKET\n");
}

/*
 * A descriptor; below zero: there is none, which is said, unless `quiet`, of the first place, or of the one that
 * is there.
 */
static int find_agent(const struct options *options, bool quiet)
{
    struct places places = {.count = 0};
    int fd = -ENOENT;
    size_t at = 0;
    find_places(options, &places);
    for (size_t i = 0; i < places.count && fd == -ENOENT; i++) {
        fd = connect_to(places.paths[i]);
        at = fd == -ENOENT ? 0 : i;
    }
    if (quiet)
        ;
    else if (places.off)
        (void)fprintf(stderr, "runbookd: agent.control is off: this agent has no socket\n");
    else if (fd < 0)
        say_no_agent(places.paths[at], fd);
    forget_places(&places);
    return fd;
}

/* -------------------------------------------------------------------- ask ---- */

static int send_all(int fd, const struct text *request)
{
    for (size_t done = 0; done < request->len;) {
        ssize_t sent = send(fd, request->bytes + done, request->len - done, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return -errno;
        done += sent > 0 ? (size_t)sent : 0;
    }
    return 0;
}

/* The one line that an answer is; zero, -ETIMEDOUT, or what reading said. */
static int receive_all(int fd, struct text *answer, int64_t ms)
{
    char bytes[PART];
    int64_t until_ms = now_ms() + ms;
    while (!answer->cut) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left_ms = until_ms - now_ms();
        int count = left_ms > 0 ? poll(&ready, 1, (int)left_ms) : 0;
        if (count == 0)
            return -ETIMEDOUT;
        ssize_t len = count < 0 ? -1 : recv(fd, bytes, sizeof(bytes), 0);
        if (len < 0 && errno != EINTR)
            return -errno;
        text_add_n(answer, bytes, len > 0 ? (size_t)len : 0);
        if (len == 0 || (len > 0 && bytes[len - 1] == '\n'))
            return 0;
    }
    return -EMSGSIZE;
}

static void write_request(const char *word, json_t *args, struct text *out)
{
    struct writer writer;
    char *json = args ? json_dumps(args, JSON_COMPACT) : NULL;
    writer_init(&writer, out);
    writer_object(&writer, NULL);
    writer_int(&writer, "v", CONTROL_VERSION);
    writer_string(&writer, "do", word);
    writer_raw(&writer, "args", json ? json : "{}");
    writer_end(&writer);
    text_add_char(out, '\n');
    free(json);
    json_decref(args);
}

/* Whoever reads a standby's answer must know that it is half of one; status says so itself. */
static void say_silent(const json_t *result)
{
    const char *silent = caller_word(result, "holder_silent");
    if (*silent && !json_object_get(result, "agent"))
        (void)fprintf(stderr, "runbookd: this agent is a standby, and answers alone: %s\n", silent);
}

/* What the agent refuses is said in its own words. */
static json_t *take_result(const char *bytes, size_t len)
{
    json_t *root = json_loadb(bytes, len, 0, NULL);
    json_t *result = json_object_get(root, "result");
    const char *hint = caller_word(root, "hint");
    if (result)
        json_incref(result);
    else if (*caller_word(root, "error"))
        (void)fprintf(
            stderr, "runbookd: %s%s%s\n", caller_word(root, "error"), *hint ? "; " : "", hint);
    else
        (void)fprintf(stderr, "runbookd: what answers there is no agent of this kind\n");
    json_decref(root);
    return result;
}

json_t *caller_ask(const struct options *options, const char *word, json_t *args, int64_t ms)
{
    struct text TEXT_AUTO request, TEXT_AUTO answer;
    json_t *result = NULL;
    text_init(&request, CONTROL_LONGEST_REQUEST);
    text_init(&answer, LONGEST_ANSWER);
    write_request(word, args, &request);
    int fd = request.cut ? -EMSGSIZE : find_agent(options, false);
    if (fd < 0) {
        if (request.cut)
            (void)fprintf(stderr, "runbookd: that is too long\n");
        return NULL;
    }
    (void)send_all(fd, &request); /* an agent that has heard enough has answered all the same */
    int status = receive_all(fd, &answer, ms);
    (void)close(fd);
    if (answer.len && status == 0) {
        result = take_result(answer.bytes, answer.len);
        say_silent(result);
    } else if (status == -ETIMEDOUT)
        (void)fprintf(stderr,
                      "runbookd: the agent is there, and has not answered within %lld s\n",
                      (long long)(ms / 1000));
    else
        (void)fprintf(stderr,
                      "runbookd: the agent ended the conversation%s%s\n",
                      status < 0 ? ": " : "",
                      status < 0 ? strerror(-status) : "");
    return result;
}

int caller_peek(const struct options *options, const char *word, int64_t ms, json_t **ret_result)
{
    struct text TEXT_AUTO request, TEXT_AUTO answer;
    text_init(&request, CONTROL_LONGEST_REQUEST);
    text_init(&answer, LONGEST_ANSWER);
    write_request(word, NULL, &request);
    int fd = find_agent(options, true);
    if (fd < 0)
        return fd;
    (void)send_all(fd, &request);
    int status = receive_all(fd, &answer, ms);
    (void)close(fd);
    json_t *root = status == 0 ? json_loadb(answer.bytes, answer.len, 0, NULL) : NULL;
    *ret_result = json_incref(json_object_get(root, "result"));
    json_decref(root);
    return status < 0 ? status : *ret_result ? 0 : -EPROTO;
}

/* ---------------------------------------------------------------- answers ---- */

bool caller_print_json(const struct options *options, const json_t *result)
{
    if (!options->json)
        return false;
    (void)json_dumpf(result, stdout, JSON_COMPACT);
    (void)putchar('\n');
    return true;
}

const char *caller_word(const json_t *object, const char *name)
{
    const char *word = json_string_value(json_object_get(object, name));
    return word ? word : "";
}

int64_t caller_number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

int64_t caller_time(const json_t *object, const char *name)
{
    struct tm parts = {0};
    const char *rest = strptime(caller_word(object, name), "%Y-%m-%dT%H:%M:%S", &parts);
    if (!rest)
        return 0;
    int64_t ms = *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;
    return (int64_t)timegm(&parts) * 1000 + ms;
}

const char *caller_since(const json_t *answer, const json_t *object, const char *name, char out[16])
{
    int64_t then_ms = caller_time(object, name);
    int64_t ms = caller_time(answer, "time") - then_ms;
    if (then_ms == 0 || ms < 1000)
        return "just now";
    units_print_duration(ms, out);
    return out;
}

enum probe_status caller_status(const char *word)
{
    for (enum probe_status status = PROBE_OK; status <= PROBE_UNKNOWN; status++)
        if (strcmp(word, event_status_name(status)) == 0)
            return status;
    return PROBE_GRADED;
}

void caller_add_minute(struct text *out, const json_t *object, const char *name)
{
    const char *time = caller_word(object, name);
    text_print(out, "%.10s %.5s UTC", time, strlen(time) > 11 ? time + 11 : "");
}

void caller_print_kept(const json_t *answer)
{
    const char *why = caller_word(answer, "not_kept");
    if (*why)
        (void)fprintf(stderr, "runbookd: that is not on disk: %s\n", why);
    why = caller_word(answer, "not_handed_over");
    if (*why)
        (void)fprintf(stderr, "runbookd: who takes the lease over would not know of it: %s\n", why);
}

void caller_print(const struct text *text)
{
    (void)fputs(text->bytes, stdout);
    (void)fflush(stdout);
}

int caller_say(const struct options *options, json_t *answer,
               void (*add)(const json_t *answer, struct text *out))
{
    struct text TEXT_AUTO out;
    text_init(&out, LONGEST_SAID);
    if (!answer)
        return EXIT_REFUSED;
    if (!caller_print_json(options, answer)) {
        add(answer, &out);
        caller_print(&out);
        caller_print_kept(answer);
    }
    json_decref(answer);
    return EXIT_FINE;
}
