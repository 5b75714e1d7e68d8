#include "checks.h"

#include <stdlib.h>
#include <string.h>

#include "errors.h"

/* ---------------------------------------------------------------- INFO ---- */

/* The text after "name:", or NULL. */
static const char *find(const char *info, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = info; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1;
    }
    return NULL;
}

int64_t info_int(const char *info, const char *name, int64_t otherwise)
{
    const char *value = find(info, name);
    char *end = NULL;
    int64_t number = value ? strtoll(value, &end, 10) : otherwise;
    return end == value ? otherwise : number;
}

double info_real(const char *info, const char *name, double otherwise)
{
    const char *value = find(info, name);
    char *end = NULL;
    double number = value ? strtod(value, &end) : otherwise;
    return end == value ? otherwise : number;
}

bool info_word(const char *info, const char *name, char *word, size_t room)
{
    const char *value = find(info, name);
    word[0] = '\0';
    if (value)
        (void)snprintf(word, room, "%.*s", (int)strcspn(value, "\r\n"), value);
    return value != NULL;
}

bool info_has(const char *info, const char *name)
{
    return find(info, name) != NULL;
}

bool info_says(const char *info, const char *name, const char *expected)
{
    char word[CHECKS_WORD];
    return info_word(info, name, word, sizeof(word)) && strcmp(word, expected) == 0;
}

/* "ip=10.0.0.2,port=6379,state=online,offset=14,lag=0"; "" where there is no such part. */
void info_part(const char *line, const char *name, char *out, size_t room)
{
    size_t len = strlen(name);
    out[0] = '\0';
    for (const char *at = line; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, len) == 0 && at[len] == '=') {
            (void)snprintf(out, room, "%.*s", (int)strcspn(at + len + 1, ",\r\n"), at + len + 1);
            return;
        }
    }
}

/* ------------------------------------------------------------- connect ---- */

const char *const writes_words[] = {
    "unknown", "yes", "readonly", "misconf", "oom", "noreplicas", NULL};

/* As the server decides it: what replicas and the append-only file take does not count. */
static bool full(const char *info)
{
    int64_t limit = info_int(info, "maxmemory", 0);
    int64_t counted =
        info_int(info, "used_memory", 0) - info_int(info, "mem_not_counted_for_evict", 0);
    return limit > 0 && counted >= limit && info_says(info, "maxmemory_policy", "noeviction");
}

struct standing standing_of(const char *info)
{
    struct standing standing = {.known = info_has(info, "role"), .link_down_s = -1};
    if (!standing.known)
        return standing;
    standing.replica = info_says(info, "role", "slave");
    standing.link_up = info_says(info, "master_link_status", "up");
    standing.link_down_s = info_int(info, "master_link_down_since_seconds", -1);
    (void)info_word(info, "redis_version", standing.version, sizeof(standing.version));
    standing.writes = WRITES_YES;
    if (standing.replica && info_int(info, "slave_read_only", 1) != 0)
        standing.writes = WRITES_READONLY;
    else if (full(info))
        standing.writes = WRITES_OOM;
    return standing;
}

enum writes writes_refused(const char *error)
{
    if (errors_is(error, "MISCONF"))
        return WRITES_MISCONF;
    if (errors_is(error, "READONLY"))
        return WRITES_READONLY;
    if (errors_is(error, "OOM"))
        return WRITES_OOM;
    if (errors_is(error, "NOREPLICAS"))
        return WRITES_NOREPLICAS;
    return WRITES_UNKNOWN;
}

struct loading loading_of(const char *info)
{
    return (struct loading){
        .known = info_int(info, "loading", 0) == 1 && info_has(info, "loading_loaded_perc"),
        .percent = info_real(info, "loading_loaded_perc", 0),
        .seconds_left = info_int(info, "loading_eta_seconds", 0),
    };
}

/* ------------------------------------------------------ memory, clients ---- */

const char *const memory_policies[] = {"noeviction",
                                       "allkeys-lru",
                                       "allkeys-lfu",
                                       "allkeys-random",
                                       "volatile-lru",
                                       "volatile-lfu",
                                       "volatile-random",
                                       "volatile-ttl",
                                       "other",
                                       NULL};

static const char *policy_of(const char *info)
{
    const char *const *policy = memory_policies;
    while (policy[1] && !info_says(info, "maxmemory_policy", *policy))
        policy++;
    return *policy;
}

bool memory_of(const char *info, struct memory *ret_memory)
{
    if (!info_has(info, "used_memory"))
        return false;
    *ret_memory = (struct memory){
        .used = info_int(info, "used_memory", 0),
        .peak = info_int(info, "used_memory_peak", 0),
        .resident = info_int(info, "used_memory_rss", 0),
        .limit = info_int(info, "maxmemory", 0),
        .evicted = info_int(info, "evicted_keys", 0),
        .fragmentation = info_real(info, "mem_fragmentation_ratio", 0),
        .policy = policy_of(info),
    };
    return true;
}

bool clients_of(const char *info, struct clients *ret_clients)
{
    if (!info_has(info, "connected_clients"))
        return false;
    *ret_clients = (struct clients){
        .connected = info_int(info, "connected_clients", 0),
        .blocked = info_int(info, "blocked_clients", 0),
        .rejected = info_int(info, "rejected_connections", 0),
        .accepted = info_int(info, "total_connections_received", 0),
        .limit = info_int(info, "maxclients", 0),
    };
    return true;
}

/* -------------------------------------------------------------- queues ---- */

const char *count_command(const char *type)
{
    static const char *const known[][2] = {
        {"list", "LLEN"}, {"stream", "XLEN"}, {"zset", "ZCARD"}, {"set", "SCARD"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(type, known[i][0]) == 0)
            return known[i][1];
    return NULL;
}

char *key_join(const char *first, const char *second)
{
    size_t len = strlen(first) + strlen(second) + 2;
    char *joined = malloc(len);
    if (!joined)
        abort(); /* out of memory */
    (void)snprintf(joined, len, "%s:%s", first, second);
    return joined;
}

/* --------------------------------------------------------------- words ---- */

size_t words_count(const char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    return count;
}

bool words_have(const char *const *words, const char *word)
{
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}
