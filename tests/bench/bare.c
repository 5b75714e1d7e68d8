/*
 * bare - the least that a check can cost: client libraries on a loop, without an agent around them.
 *
 *     bare http  URL      TARGETS      libcurl, kept connections, one request a target and second
 *     bare kept  URL      TARGETS      the same, which goes on watching a connection between two
 *                                      requests, as the agent does, and libcurl's examples do not
 *     bare fresh URL      TARGETS CA   the same on a new connection each, verified against CA
 *     bare names PORT     TARGETS      kept connections, a host name of its own for each target
 *     bare redis PORT     TARGETS      hiredis, a kept connection each, INFO
 *     bare pg    CONNINFO TARGETS SQL  libpq, a kept connection each: what the file SQL asks, in a
 *                                      read-only transaction with the agent's four settings
 *     bare tls   PORT     TARGETS CA   a fresh TCP connection and handshake, verified against CA
 *
 * Paced as the agent is: each target once a second, spread evenly, each at its own millisecond.
 * Prints a line a second until it is ended: how many checks were done and failed so far.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/adapters/libuv.h>
#include <hiredis/async.h>
#include <libpq-fe.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

static struct {
    uv_loop_t *loop;
    uv_timer_t tick, report;
    uint64_t start_ms;
    long targets, begun, done, failed;
    void (*begin)(long target);
} all;

/* Begins what is due, and sleeps until the next one is: waking up costs too. */
static void on_tick(uv_timer_t *timer)
{
    uint64_t due_ms;
    for (;;) {
        due_ms = all.start_ms + (uint64_t)all.begun * 1000 / (uint64_t)all.targets;
        if (due_ms > uv_now(all.loop))
            break;
        all.begin(all.begun++ % all.targets);
    }
    (void)uv_timer_start(timer, on_tick, due_ms - uv_now(all.loop), 0);
}

static void on_report(uv_timer_t *timer)
{
    (void)timer;
    (void)printf("%ld %ld\n", all.done, all.failed);
    (void)fflush(stdout);
}

/* ---------------------------------------------------------------- HTTP ---- */

enum { MULTIS = 16 };

static struct {
    CURLM *multi[MULTIS];
    uv_timer_t timer[MULTIS];
    CURL *pool[16384];
    int pooled;
    const char *url;
    const char *authorities; /* each request on a new connection; NULL: they are kept */
    bool keeps;              /* watches, between two requests */
    int port;                /* of a name for each target; zero: `url` is asked */
    struct curl_slist **addresses;
} web;

struct watched {
    uv_poll_t poll;
    curl_socket_t fd;
    CURLM *multi;
    int what;  /* that libcurl waits for, last */
    bool idle; /* it waits for nothing */
};

static struct watched *watched_by_fd[65536];

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void unwatch(curl_socket_t fd)
{
    if (watched_by_fd[fd])
        uv_close((uv_handle_t *)&watched_by_fd[fd]->poll, on_closed);
    watched_by_fd[fd] = NULL;
}

static int close_socket(void *data, curl_socket_t fd)
{
    (void)data;
    unwatch(fd);
    return close(fd);
}

static void read_messages(CURLM *multi)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        if (message->data.result == CURLE_OK)
            all.done++;
        else
            all.failed++;
        (void)curl_multi_remove_handle(multi, easy);
        web.pool[web.pooled++] = easy;
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watched *watched = poll->data;
    CURLM *multi = watched->multi;
    if (watched->idle) {
        unwatch(watched->fd);
        return;
    }
    int running, flags = status < 0 ? CURL_CSELECT_ERR
                                    : (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                                          (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    (void)curl_multi_socket_action(multi, watched->fd, flags, &running);
    read_messages(multi);
}

static void on_curl_timer(uv_timer_t *timer)
{
    int running;
    (void)curl_multi_socket_action(timer->data, CURL_SOCKET_TIMEOUT, 0, &running);
    read_messages(timer->data);
}

static int set_timer(CURLM *multi, long ms, void *data)
{
    uv_timer_t *timer = data;
    (void)multi;
    return ms < 0 ? uv_timer_stop(timer) : uv_timer_start(timer, on_curl_timer, (uint64_t)ms, 0);
}

static int set_watch(CURL *easy, curl_socket_t fd, int what, void *data, void *mine)
{
    struct watched *watched = watched_by_fd[fd];
    (void)easy;
    (void)mine;
    if (what == CURL_POLL_REMOVE && !web.keeps) {
        unwatch(fd);
        return 0;
    }
    if (what == CURL_POLL_REMOVE) {
        if (watched)
            watched->idle = true;
        return 0;
    }
    if (!watched) {
        watched = watched_by_fd[fd] = calloc(1, sizeof(*watched));
        watched->fd = fd;
        watched->multi = data;
        (void)uv_poll_init_socket(all.loop, &watched->poll, fd);
        watched->poll.data = watched;
    }
    watched->idle = false;
    if (watched->what == what)
        return 0;
    watched->what = what;
    return uv_poll_start(&watched->poll,
                         (what & CURL_POLL_IN ? UV_READABLE : 0) |
                             (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
                         on_poll);
}

static size_t swallow(char *bytes, size_t size, size_t count, void *data)
{
    (void)bytes;
    (void)data;
    return size * count;
}

static CURL *new_easy(void)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 3000L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 4096L);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    if (web.authorities) {
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
        curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
        curl_easy_setopt(easy, CURLOPT_CAINFO, web.authorities);
    }
    return easy;
}

static void begin_http(long target)
{
    CURL *easy = web.pooled ? web.pool[--web.pooled] : new_easy();
    char url[256];
    long of = 0;
    if (web.port) {
        of = target % MULTIS;
        (void)snprintf(url, sizeof(url), "http://h%ld.localhost:%d/", target, web.port);
        if (!web.addresses[target]) {
            char entry[300];
            (void)snprintf(entry, sizeof(entry), "h%ld.localhost:%d:127.0.0.1", target, web.port);
            web.addresses[target] = curl_slist_append(NULL, entry);
        }
        curl_easy_setopt(easy, CURLOPT_RESOLVE, web.addresses[target]);
    } else {
        (void)snprintf(url, sizeof(url), "%s", web.url);
    }
    curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_multi_add_handle(web.multi[of], easy);
}

static void prepare_http(const char *url, int port, const char *authorities)
{
    (void)curl_global_init(CURL_GLOBAL_ALL);
    web.url = url;
    web.port = port;
    web.authorities = authorities;
    web.addresses = calloc((size_t)all.targets, sizeof(*web.addresses));
    for (int i = 0; i < MULTIS; i++) {
        web.multi[i] = curl_multi_init();
        (void)uv_timer_init(all.loop, &web.timer[i]);
        web.timer[i].data = web.multi[i];
        curl_multi_setopt(web.multi[i], CURLMOPT_MAXCONNECTS, all.targets + 100);
        curl_multi_setopt(web.multi[i], CURLMOPT_SOCKETFUNCTION, set_watch);
        curl_multi_setopt(web.multi[i], CURLMOPT_SOCKETDATA, web.multi[i]);
        curl_multi_setopt(web.multi[i], CURLMOPT_TIMERFUNCTION, set_timer);
        curl_multi_setopt(web.multi[i], CURLMOPT_TIMERDATA, &web.timer[i]);
    }
    all.begin = begin_http;
}

/* --------------------------------------------------------------- Redis ---- */

static redisAsyncContext **caches;

static void on_reply(redisAsyncContext *cache, void *reply, void *data)
{
    (void)cache;
    (void)data;
    if (reply)
        all.done++;
    else
        all.failed++;
}

static void begin_redis(long target)
{
    (void)redisAsyncCommand(caches[target], on_reply, NULL, "INFO");
}

static void prepare_redis(int port)
{
    caches = calloc((size_t)all.targets, sizeof(*caches));
    for (long i = 0; i < all.targets; i++) {
        caches[i] = redisAsyncConnect("127.0.0.1", port);
        (void)redisLibuvAttach(caches[i], all.loop);
    }
    all.begin = begin_redis;
}

/* ----------------------------------------------------------------- TLS ---- */

struct shaking {
    uv_poll_t poll;
    SSL *ssl;
    int fd;
};

static struct {
    SSL_CTX *context;
    struct sockaddr_in address;
} secure;

static void on_shake(uv_poll_t *poll, int status, int events)
{
    struct shaking *shaking = poll->data;
    int result = SSL_do_handshake(shaking->ssl), why = SSL_get_error(shaking->ssl, result);
    (void)status;
    (void)events;
    if (result != 1 && why == SSL_ERROR_WANT_READ) {
        (void)uv_poll_start(poll, UV_READABLE, on_shake);
        return;
    }
    if (result != 1 && why == SSL_ERROR_WANT_WRITE) {
        (void)uv_poll_start(poll, UV_WRITABLE, on_shake);
        return;
    }
    if (result == 1 && SSL_get_verify_result(shaking->ssl) == X509_V_OK)
        all.done++;
    else
        all.failed++;
    (void)SSL_shutdown(shaking->ssl);
    SSL_free(shaking->ssl);
    uv_close((uv_handle_t *)poll, on_closed);
    (void)close(shaking->fd);
}

static void begin_tls(long target)
{
    struct shaking *shaking = calloc(1, sizeof(*shaking));
    (void)target;
    shaking->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)connect(shaking->fd, (struct sockaddr *)&secure.address, sizeof(secure.address));
    shaking->ssl = SSL_new(secure.context);
    (void)SSL_set_fd(shaking->ssl, shaking->fd);
    (void)SSL_set_tlsext_host_name(shaking->ssl, "localhost");
    (void)SSL_set1_host(shaking->ssl, "localhost");
    SSL_set_connect_state(shaking->ssl);
    (void)uv_poll_init_socket(all.loop, &shaking->poll, shaking->fd);
    shaking->poll.data = shaking;
    (void)uv_poll_start(&shaking->poll, UV_WRITABLE, on_shake);
}

static void prepare_tls(int port, const char *authorities)
{
    secure.context = SSL_CTX_new(TLS_client_method());
    (void)SSL_CTX_load_verify_file(secure.context, authorities);
    SSL_CTX_set_verify(secure.context, SSL_VERIFY_PEER, NULL);
    secure.address = (struct sockaddr_in){.sin_family = AF_INET,
                                          .sin_port = htons((uint16_t)port),
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    all.begin = begin_tls;
}

/* ------------------------------------------------------------ Postgres ---- */

/* One connection, and where its transaction stands. */
struct session {
    PGconn *conn;
    uv_poll_t poll;
    int step;
    bool busy, answered;
};

static struct {
    struct session *sessions;
    char *question;
} base;

static void on_postgres(uv_poll_t *poll, int status, int events);

static void flush_session(struct session *session)
{
    int more = PQflush(session->conn);
    (void)uv_poll_start(
        &session->poll, more > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_postgres);
}

static void send_step(struct session *session)
{
    if (session->step == 0)
        (void)PQsendQuery(session->conn,
                          "begin transaction read only;"
                          "set local statement_timeout = 2000;"
                          "set local lock_timeout = 1000;"
                          "set local idle_in_transaction_session_timeout = 3000;"
                          "set local search_path = pg_catalog");
    else if (session->step == 1)
        (void)PQsendQueryParams(session->conn, base.question, 0, NULL, NULL, NULL, NULL, 0);
    else
        (void)PQsendQuery(session->conn, "commit");
    flush_session(session);
}

static void on_postgres(uv_poll_t *poll, int status, int events)
{
    struct session *session = poll->data;
    PGresult *result;
    (void)status;
    (void)events;
    if (!PQconsumeInput(session->conn))
        exit(1);
    while (!PQisBusy(session->conn)) {
        result = PQgetResult(session->conn);
        if (result) {
            session->answered |= PQresultStatus(result) == PGRES_TUPLES_OK;
            PQclear(result);
            continue;
        }
        if (++session->step < 3) {
            send_step(session);
            return;
        }
        session->busy = false;
        if (session->answered)
            all.done++;
        else
            all.failed++;
        return;
    }
    flush_session(session);
}

static void begin_postgres(long target)
{
    struct session *session = &base.sessions[target];
    if (session->busy) {
        all.failed++;
        return;
    }
    session->busy = true;
    session->answered = false;
    session->step = 0;
    send_step(session);
}

static char *read_file(const char *path)
{
    enum { MOST = 1 << 16 };
    char *bytes = calloc(1, MOST);
    FILE *file = fopen(path, "r");
    if (!file || !fread(bytes, 1, MOST - 1, file))
        exit(1);
    (void)fclose(file);
    return bytes;
}

static void prepare_postgres(const char *conninfo, const char *question)
{
    base.question = read_file(question);
    base.sessions = calloc((size_t)all.targets, sizeof(*base.sessions));
    for (long i = 0; i < all.targets; i++) {
        struct session *session = &base.sessions[i];
        PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
        session->conn = PQconnectStart(conninfo);
        while (wants == PGRES_POLLING_WRITING || wants == PGRES_POLLING_READING) {
            struct pollfd one = {.fd = PQsocket(session->conn),
                                 .events = wants == PGRES_POLLING_READING ? POLLIN : POLLOUT};
            (void)poll(&one, 1, 10000);
            wants = PQconnectPoll(session->conn);
        }
        if (wants != PGRES_POLLING_OK) {
            (void)fprintf(stderr, "bare: %s", PQerrorMessage(session->conn));
            exit(1);
        }
        (void)PQsetnonblocking(session->conn, 1);
        (void)uv_poll_init(all.loop, &session->poll, PQsocket(session->conn));
        session->poll.data = session;
    }
    all.begin = begin_postgres;
}

/* ---------------------------------------------------------------- main ---- */

static bool prepare(const char *kind, const char *where, const char *more)
{
    int port = (int)strtol(where, NULL, 10);
    web.keeps = strcmp(kind, "kept") == 0;
    if (strcmp(kind, "http") == 0 || web.keeps)
        prepare_http(where, 0, NULL);
    else if (strcmp(kind, "fresh") == 0)
        prepare_http(where, 0, more);
    else if (strcmp(kind, "names") == 0)
        prepare_http(NULL, port, NULL);
    else if (strcmp(kind, "redis") == 0)
        prepare_redis(port);
    else if (strcmp(kind, "pg") == 0)
        prepare_postgres(where, more);
    else if (strcmp(kind, "tls") == 0)
        prepare_tls(port, more);
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    all.loop = uv_default_loop();
    all.targets = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    if (all.targets < 1 || !prepare(argv[1], argv[2], argc > 4 ? argv[4] : "")) {
        (void)fprintf(stderr,
                      "usage: bare http|kept|fresh|names|redis|pg|tls WHERE TARGETS [CA|SQL]\n");
        return 1;
    }
    uv_update_time(all.loop);
    all.start_ms = uv_now(all.loop);
    (void)uv_timer_init(all.loop, &all.tick);
    (void)uv_timer_init(all.loop, &all.report);
    (void)uv_timer_start(&all.tick, on_tick, 0, 0);
    (void)uv_timer_start(&all.report, on_report, 1000, 1000);
    return uv_run(all.loop, UV_RUN_DEFAULT);
}
