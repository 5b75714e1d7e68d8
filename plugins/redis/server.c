#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "checks.h"

enum { SENTINEL_PORT = 26379 };

static const char *const sentinel_tls_words[] = {"as_redis", "always", "never", NULL};

const struct probe_option server_options[] = {
    {"url",
     PROBE_URL_AT(struct server_config, url),
     .help = "redis://HOST:PORT/DB, rediss:// for TLS, redis+unix:///PATH for a socket, "
             "redis+sentinel://HOST:PORT/MASTER/DB or rediss+sentinel:// to ask sentinels where "
             "the master is"},
    {"user",
     PROBE_STRING_AT(struct server_config, user),
     .fallback = "",
     .help = "the ACL user, if it is not in the URL; none: the server's default user"},
    {"password",
     PROBE_SECRET_AT(struct server_config, password),
     .fallback = "",
     .help = "if it is not in the URL"},
    {"db",
     PROBE_INT_AT(struct server_config, db),
     .fallback = "0",
     .max = 1000000,
     .help = "the database, if it is not in the URL"},
    {"tls", PROBE_TLS_AT(struct server_config, tls), .fallback = "", .help = "how to trust it"},
    {"sentinels",
     PROBE_LIST_AT(struct server_config, sentinels),
     .fallback = "[]",
     .help = "HOST:PORT of more sentinels, beside the one in the URL"},
    {"sentinel_user",
     PROBE_STRING_AT(struct server_config, sentinel_user),
     .fallback = "",
     .help = "the ACL user of the sentinels, if they ask for one"},
    {"sentinel_password",
     PROBE_SECRET_AT(struct server_config, sentinel_password),
     .fallback = "",
     .help = "the password of the sentinels, if they ask for one"},
    {"sentinel_tls",
     PROBE_STRING_AT(struct server_config, sentinel_tls),
     .fallback = "as_redis",
     .choices = sentinel_tls_words,
     .help = "whether the sentinels speak TLS"},
    {0},
};

/* ------------------------------------------------------------- the URL ---- */

static bool is_scheme(const struct server_config *config, const char *scheme)
{
    return strcmp(config->url->scheme, scheme) == 0;
}

static bool asks_sentinels(const struct server_config *config)
{
    return is_scheme(config, "redis+sentinel") || is_scheme(config, "rediss+sentinel");
}

/* "2"; `path` is what stands in the URL where the database does. */
static int read_database(const char *path, int64_t otherwise, int64_t *ret_db,
                         struct probe_error *error)
{
    char *end;
    *ret_db = otherwise;
    if (!*path)
        return 0;
    *ret_db = strtoll(path, &end, 10);
    return end == path || *end || *ret_db < 0
               ? probe_refuse(error, "url", "\"/%.40s\" is no database's number, as /2 is", path)
               : 0;
}

/* "h2:26379", "h2" or "[::1]:26379", cut in place. */
static bool read_address(char *text, struct wire_server *server)
{
    char *host = text, *end = text + strcspn(text, ":"), *rest;
    server->port = SENTINEL_PORT;
    if (*text == '[') {
        end = strchr(++host, ']');
        if (!end)
            return false;
        *end++ = '\0';
    }
    if (*end == ':') {
        long port = strtol(end + 1, &rest, 10);
        if (port <= 0 || port > UINT16_MAX || *rest)
            return false;
        server->port = (uint16_t)port;
    } else if (*end) {
        return false;
    }
    *end = '\0';
    server->host = host;
    return *host != '\0';
}

/* ----------------------------------------------------------- sentinels ---- */

static size_t bytes_of(const char *const *words)
{
    size_t bytes = 0;
    for (; *words; words++)
        bytes += strlen(*words) + 1;
    return bytes;
}

static void *take_memory(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        abort(); /* out of memory */
    return memory;
}

static bool sentinels_safe(const struct server_config *config)
{
    if (strcmp(config->sentinel_tls, "as_redis") == 0)
        return is_scheme(config, "rediss+sentinel");
    return strcmp(config->sentinel_tls, "always") == 0;
}

/* The URL's host is the first of them. */
static int add_sentinels(struct redis *redis, const struct server_config *config, char *at,
                         struct probe_error *error)
{
    struct sentinel_group *group = &redis->place.sentinels;
    const struct wire_server sentinel = {
        .safe = sentinels_safe(config),
        .user = config->sentinel_user,
        .password = config->sentinel_password,
        .tls = config->tls,
        .host = config->url->host,
        .port = config->url->port ? config->url->port : SENTINEL_PORT,
    };
    group->sentinels[group->count++] = sentinel;
    for (const char *const *word = config->sentinels; *word; word++) {
        struct wire_server *another = &group->sentinels[group->count++];
        size_t room = strlen(*word) + 1;
        *another = sentinel;
        memcpy(at, *word, room);
        if (!read_address(at, another))
            return probe_refuse(
                error, "sentinels", "\"%.100s\" is no HOST:PORT of a sentinel", *word);
        at += room;
    }
    return 0;
}

/* "/mymaster/0" */
static int read_group(struct redis *redis, const struct server_config *config,
                      struct probe_error *error)
{
    const char *path = config->url->path ? config->url->path : "";
    path += *path == '/';
    size_t len = strcspn(path, "/?");
    size_t named = bytes_of(config->sentinels);
    if (len == 0)
        return probe_refuse(error,
                            "url",
                            "names no master, as redis+sentinel://%.100s/mymaster does",
                            config->url->host);
    redis->strings = take_memory(named + len + 1, 1);
    redis->sentinels = take_memory(1 + words_count(config->sentinels), sizeof(*redis->sentinels));
    redis->place.sentinels.sentinels = redis->sentinels;
    redis->place.sentinels.name = memcpy(redis->strings + named, path, len);
    int status = add_sentinels(redis, config, redis->strings, error);
    path += len + (path[len] == '/');
    return status != 0 ? status : read_database(path, config->db, &redis->place.server.db, error);
}

/* -------------------------------------------------------------- target ---- */

static int read_place(struct redis *redis, const struct server_config *config,
                      struct probe_error *error)
{
    const struct probe_url *url = config->url;
    bool local = is_scheme(config, "redis+unix");
    const char *path = url->path ? url->path : "";
    redis->place.server = (struct wire_server){
        .host = local ? NULL : url->host,
        .path = local ? url->path : NULL,
        .port = url->port,
        .safe = is_scheme(config, "rediss") || is_scheme(config, "rediss+sentinel"),
        .user = config->user ? config->user : url->user,
        .password = config->password ? config->password : url->password,
        .tls = config->tls,
        .db = config->db,
    };
    if (!*url->scheme)
        return 0; /* validated offline: a reference that is not read now */
    if (local)
        return *path ? 0
                     : probe_refuse(
                           error, "url", "names no socket, as redis+unix:///run/redis.sock does");
    if (!url->host || !*url->host)
        return probe_refuse(error, "url", "names no host, as redis://cache:6379 does");
    if (asks_sentinels(config))
        return read_group(redis, config, error);
    if (config->sentinels[0])
        return probe_refuse(error, "sentinels", "are asked with redis+sentinel://HOST/MASTER only");
    return read_database(path + (*path == '/'), config->db, &redis->place.server.db, error);
}

static void free_place(struct redis *redis)
{
    free(redis->sentinels);
    free(redis->strings);
}

int server_create(struct probe_target *self, struct probe_error *error)
{
    struct redis *redis = self->data;
    int status = read_place(redis, self->config, error);
    if (status != 0) {
        free_place(redis);
        return status;
    }
    talk_init(&redis->checks, &self->life, &redis->place);
    talk_init(&redis->actions, &self->life, &redis->place);
    redis->actions.wire.once = true;
    return 0;
}

void server_destroy(struct probe_target *self)
{
    struct redis *redis = self->data;
    talk_bury(&redis->checks);
    talk_bury(&redis->actions);
    free_place(redis);
}

struct talk *server_checks(const struct probe_run *run)
{
    struct redis *redis = run->target->data;
    return &redis->checks;
}

struct talk *server_actions(const struct probe_run *run)
{
    struct redis *redis = run->target->data;
    return &redis->actions;
}

void server_check_ended(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    talk_over(server_checks(run));
}

void server_action_ended(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    talk_close(server_actions(run));
}

const char *server_user(const struct probe_run *run)
{
    const struct redis *redis = run->target->data;
    const char *user = redis->place.server.user;
    return user && *user ? user : "default";
}
