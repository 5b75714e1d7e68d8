#include "io/http_pool.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/http.h"
#include "io/http_place.h"
#include "io/wait.h"

enum {
    LANES = 16,
    MAX_IDLE_HANDLES = 64,
    MAX_KEPT = 512, /* connections a lane; fewer where descriptors are few */
    IDLE_MS = 60000 /* a lane without work closes its connections */
};

struct lane {
    struct http_pool *pool;
    struct loop *loop;
    CURLM *multi; /* NULL: nothing is kept here */
    struct timer timer, idle;
    struct list news; /* of transfers */
    size_t at_work;
};

struct handle {
    CURL *easy;
    bool told; /* the common options */
};

struct http_pool {
    struct list link; /* in `pools` */
    struct loop *loop;
    struct lane lanes[LANES];
    struct handle handles[MAX_IDLE_HANDLES];
    size_t handle_count;
    struct socket **sockets; /* by descriptor; NULL: none of ours */
    size_t socket_room;
    bool proxies, detours;
};

/* One a loop: an agent has one, a test may have several after each other. */
static struct list pools = {&pools, &pools};

static struct http_pool *find_pool(const struct loop *loop)
{
    struct http_pool *pool;
    list_for_each(pool, &pools, struct http_pool, link) {
        if (pool->loop == loop)
            return pool;
    }
    return NULL;
}

/* ---------------------------------------------------- libcurl's wishes ---- */

/*
 * A connection's descriptor.  libcurl takes its wish back whenever a request is done; the watch goes
 * on all the same, idle, for the next request on it: to end it and begin it anew costs six system
 * calls, more than the request itself.
 */
struct socket {
    struct lane *lane;
    curl_socket_t fd;
    unsigned events; /* that are watched */
    bool idle;       /* libcurl waits for nothing */
    struct watch *watch;
};

static struct socket *find_socket(const struct http_pool *pool, curl_socket_t fd)
{
    return (size_t)fd < pool->socket_room ? pool->sockets[fd] : NULL;
}

static void keep_socket(struct http_pool *pool, struct socket *socket)
{
    size_t at = (size_t)socket->fd, room = pool->socket_room ? pool->socket_room : 64;
    while (room <= at)
        room *= 2;
    if (room > pool->socket_room) {
        pool->sockets = mem_resize(pool->sockets, room * sizeof(*pool->sockets));
        memset(pool->sockets + pool->socket_room,
               0,
               (room - pool->socket_room) * sizeof(*pool->sockets));
        pool->socket_room = room;
    }
    pool->sockets[at] = socket;
}

static void drop_socket(struct socket *socket)
{
    if (!socket)
        return;
    socket->lane->pool->sockets[socket->fd] = NULL;
    watch_destroy(socket->watch);
    free(socket);
}

/* libcurl closes a connection: its number may be another's in a moment. */
static int close_socket(void *data, curl_socket_t fd)
{
    drop_socket(find_socket(data, fd));
    return close(fd);
}

/* Tells who has news and who is done.  Whoever is told may start and end transfers here. */
static void settle(struct lane *lane)
{
    CURLMsg *message;
    int left;
    while (!list_empty(&lane->news)) {
        struct transfer *transfer = list_first(&lane->news, struct transfer, news);
        list_remove(&transfer->news);
        transfer->on_news(transfer);
    }
    while (lane->multi && (message = curl_multi_info_read(lane->multi, &left))) {
        struct transfer *transfer = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        transfer->on_done(transfer, message->data.result);
    }
}

static void act(struct lane *lane, curl_socket_t fd, int flags)
{
    int running;
    (void)curl_multi_socket_action(lane->multi, fd, flags, &running);
    settle(lane);
}

static void on_timer(void *data)
{
    act(data, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long ms, void *data)
{
    struct lane *lane = data;
    (void)multi;
    if (ms < 0)
        timer_stop(&lane->timer);
    else
        timer_start(&lane->timer, lane->loop, (uint64_t)ms, on_timer, lane);
    return 0;
}

static void on_socket(int status, unsigned events, void *data)
{
    struct socket *socket = data;
    int flags = status < 0 ? CURL_CSELECT_ERR
                           : (events & WATCH_READABLE ? CURL_CSELECT_IN : 0) |
                                 (events & WATCH_WRITABLE ? CURL_CSELECT_OUT : 0);
    if (socket->idle) /* the peer has closed it: libcurl looks before it takes it again */
        drop_socket(socket);
    else
        act(socket->lane, socket->fd, flags);
}

static struct socket *make_socket(struct lane *lane, curl_socket_t fd, unsigned events)
{
    struct socket *socket = mem_new(sizeof(*socket));
    *socket = (struct socket){.lane = lane, .fd = fd, .events = events};
    socket->watch = watch_create(lane->loop, fd, events, on_socket, socket);
    keep_socket(lane->pool, socket);
    return socket;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *assigned)
{
    struct lane *lane = data;
    struct socket *socket = assigned ? assigned : find_socket(lane->pool, fd);
    unsigned events =
        (what & CURL_POLL_IN ? WATCH_READABLE : 0u) | (what & CURL_POLL_OUT ? WATCH_WRITABLE : 0u);
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (socket)
            socket->idle = true;
        (void)curl_multi_assign(lane->multi, fd, NULL);
        return 0;
    }
    if (!socket)
        socket = make_socket(lane, fd, events);
    else if (socket->events != events)
        watch_change(socket->watch, events);
    socket->events = events;
    socket->idle = false;
    (void)curl_multi_assign(lane->multi, fd, socket);
    return 0;
}

/* --------------------------------------------------------------- lanes ---- */

static long most_kept(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
        return MAX_KEPT;
    rlim_t share = files.rlim_cur / 2 / LANES;
    return share < 2 ? 2 : share < MAX_KEPT ? (long)share : MAX_KEPT;
}

static void open_lane(struct lane *lane)
{
    lane->multi = curl_multi_init();
    if (!lane->multi)
        abort(); /* out of memory, as in base/mem */
    (void)curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    (void)curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
    (void)curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    (void)curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
    (void)curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, most_kept());
    /* One connection a request: two checks that share one would share its troubles. */
    (void)curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
}

static void close_lane(void *data)
{
    struct lane *lane = data;
    if (lane->multi)
        (void)curl_multi_cleanup(lane->multi);
    lane->multi = NULL;
    timer_stop(&lane->timer);
    timer_stop(&lane->idle);
}

/* FNV-1a; a host's connections are all in one lane. */
static struct lane *lane_of(struct http_pool *pool, const char *host)
{
    uint32_t hash = 2166136261u;
    for (; *host; host++)
        hash = (hash ^ (unsigned char)(*host | 0x20)) * 16777619u;
    return &pool->lanes[(hash ^ hash >> 16) % LANES];
}

/* ----------------------------------------------------------- transfers ---- */

/* libcurl takes eight pieces a request that way: see mem_array(). */
static void *zeroed(size_t count, size_t size)
{
    return mem_array(count, size);
}

struct http_pool *http_pool_of(struct loop *loop)
{
    struct http_pool *pool = find_pool(loop);
    if (pool)
        return pool;
    if (curl_global_init_mem(CURL_GLOBAL_ALL, malloc, free, realloc, strdup, zeroed) != CURLE_OK)
        abort();
    pool = mem_new(sizeof(*pool));
    pool->loop = loop;
    for (size_t i = 0; i < LANES; i++) {
        pool->lanes[i].pool = pool;
        pool->lanes[i].loop = loop;
        list_init(&pool->lanes[i].news);
    }
    list_add(&pools, &pool->link);
    return pool;
}

void transfer_begin(struct transfer *transfer, struct http_pool *pool,
                    void (*tell_common)(CURL *easy))
{
    struct handle handle = {0};
    if (pool->handle_count)
        handle = pool->handles[--pool->handle_count];
    transfer->easy = handle.easy ? handle.easy : curl_easy_init();
    if (!transfer->easy)
        abort();
    if (!handle.told) {
        tell_common(transfer->easy);
        (void)curl_easy_setopt(transfer->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
        (void)curl_easy_setopt(transfer->easy, CURLOPT_CLOSESOCKETDATA, pool);
    }
    transfer->usual = false;
    list_init(&transfer->news);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
}

void transfer_start(struct transfer *transfer, struct http_pool *pool, const char *host)
{
    struct lane *lane = lane_of(pool, host);
    if (!lane->multi)
        open_lane(lane);
    timer_stop(&lane->idle);
    transfer->lane = lane;
    lane->at_work++;
    if (curl_multi_add_handle(lane->multi, transfer->easy) != CURLM_OK)
        abort();
}

void transfer_has_news(struct transfer *transfer)
{
    if (list_empty(&transfer->news))
        list_add(&transfer->lane->news, &transfer->news);
}

/* What an idle handle is not to point to. */
static void let_go(CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_RESOLVE, NULL);
}

void transfer_end(struct transfer *transfer, struct http_pool *pool)
{
    struct lane *lane = transfer->lane;
    if (!transfer->easy)
        return;
    list_remove(&transfer->news);
    if (lane) {
        (void)curl_multi_remove_handle(lane->multi, transfer->easy);
        if (--lane->at_work == 0)
            timer_start(&lane->idle, lane->loop, IDLE_MS, close_lane, lane);
    }
    if (pool->handle_count < MAX_IDLE_HANDLES) {
        if (transfer->usual)
            let_go(transfer->easy);
        else
            curl_easy_reset(transfer->easy);
        pool->handles[pool->handle_count++] =
            (struct handle){.easy = transfer->easy, .told = transfer->usual};
    } else {
        curl_easy_cleanup(transfer->easy);
    }
    transfer->easy = NULL;
    transfer->lane = NULL;
}

/* -------------------------------------------------------------- public ---- */

bool http_pool_uses_proxies(const struct http_pool *pool)
{
    return pool->proxies;
}

void http_pool_note_detour(struct http_pool *pool)
{
    pool->detours = true;
}

bool http_pool_has_detours(const struct http_pool *pool)
{
    return pool->detours;
}

void http_use_proxies(struct loop *loop, bool use)
{
    http_pool_of(loop)->proxies = use;
}

void http_shutdown(struct loop *loop)
{
    struct http_pool *pool = find_pool(loop);
    if (!pool)
        return;
    for (size_t i = 0; i < LANES; i++)
        close_lane(&pool->lanes[i]);
    while (pool->handle_count)
        curl_easy_cleanup(pool->handles[--pool->handle_count].easy);
    list_remove(&pool->link);
    free(pool->sockets);
    free(pool);
    http_place_forget_all();
    curl_global_cleanup();
}
