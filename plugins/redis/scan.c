#include "scan.h"

#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "redis.h"

/* Replies find their scan here; each run has one at most. */
static struct scan *scan_of(struct probe_run *run)
{
    return *(struct scan **)run->data;
}

static void enter_node(struct scan *scan);

/* --------------------------------------------------------------- pages ---- */

static void next_page(struct scan *scan);

static void on_pause(int status, void *data)
{
    if (status == 0)
        next_page(data);
}

static bool over_budget(const struct scan *scan)
{
    return probe_now(&scan->run->life) >= scan->until_ms;
}

static void leave_node(struct scan *scan)
{
    (void)snprintf(scan->cursor, sizeof(scan->cursor), "0");
    scan->node++;
    if (scan->node < scan->node_count) {
        enter_node(scan);
        return;
    }
    scan->node = 0;
    scan->complete = true;
    scan->end(scan->run);
}

void scan_on(struct scan *scan)
{
    int64_t took = (int64_t)(probe_now(&scan->run->life) - scan->page_began_ms);
    int64_t pause = took > scan->pause_ms ? took : scan->pause_ms;
    if (strcmp(scan->cursor, "0") == 0)
        leave_node(scan);
    else if (over_budget(scan))
        scan->end(scan->run);
    else
        (void)probe_timer(&scan->run->life, (uint64_t)pause, on_pause, scan);
}

static bool is_page(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_ARRAY)
        return false;
    for (size_t i = 0; i < reply->element[1]->elements; i++)
        if (reply->element[1]->element[i]->type != REDIS_REPLY_STRING)
            return false;
    return true;
}

static void on_page(struct probe_run *run, const redisReply *reply)
{
    struct scan *scan = scan_of(run);
    if (!is_page(reply)) {
        probe_fail(run, -EPROTO, "SCAN does not say what it should");
        return;
    }
    const redisReply *keys = reply->element[1];
    (void)snprintf(scan->cursor, sizeof(scan->cursor), "%s", reply->element[0]->str);
    scan->walked += (int64_t)keys->elements;
    if (keys->elements > 0)
        scan->page(run, keys);
    else
        scan_on(scan);
}

static void next_page(struct scan *scan)
{
    scan->page_began_ms = probe_now(&scan->run->life);
    if (scan->match)
        talk_ask(scan->talk,
                 scan->run,
                 on_page,
                 WORDS("SCAN", scan->cursor, "MATCH", scan->match, "COUNT", scan->count));
    else
        talk_ask(scan->talk, scan->run, on_page, WORDS("SCAN", scan->cursor, "COUNT", scan->count));
}

/* --------------------------------------------------------------- nodes ---- */

static void on_size(struct probe_run *run, const redisReply *reply)
{
    struct scan *scan = scan_of(run);
    if (reply->type == REDIS_REPLY_INTEGER)
        scan->total += reply->integer;
    next_page(scan);
}

static void enter_node(struct scan *scan)
{
    const struct scan_node *node = &scan->nodes[scan->node];
    scan->talk->pinned =
        node->own ? NULL : cluster_at(&scan->talk->cluster, node->host, node->port);
    talk_ask(scan->talk, scan->run, on_size, WORDS("DBSIZE"));
}

/* [first, last, [host, port, name], replicas...], one for each range of slots. */
static bool is_range(const redisReply *range)
{
    return range->type == REDIS_REPLY_ARRAY && range->elements >= 3 &&
           range->element[2]->type == REDIS_REPLY_ARRAY && range->element[2]->elements >= 2 &&
           range->element[2]->element[1]->type == REDIS_REPLY_INTEGER;
}

static void add_node(struct scan *scan, const redisReply *node)
{
    const char *host = talk_is_text(node->element[0]) ? node->element[0]->str : "";
    const char *name =
        node->elements > 2 && talk_is_text(node->element[2]) ? node->element[2]->str : "";
    uint16_t port = (uint16_t)node->element[1]->integer;
    for (size_t i = 0; i < scan->node_count; i++)
        if (scan->nodes[i].port == port && strcmp(scan->nodes[i].host, host) == 0)
            return;
    if (scan->node_count == SCAN_NODES)
        return;
    struct scan_node *added = &scan->nodes[scan->node_count++];
    (void)snprintf(added->host, sizeof(added->host), "%s", host);
    added->port = port;
    added->own = strcmp(name, scan->self) == 0;
}

static void begin(struct scan *scan)
{
    if (scan->node >= scan->node_count) {
        scan->node = 0;
        (void)snprintf(scan->cursor, sizeof(scan->cursor), "0");
    }
    enter_node(scan);
}

static void take_nodes(struct scan *scan, size_t most)
{
    scan->nodes = calloc(most, sizeof(*scan->nodes));
    if (!scan->nodes)
        abort(); /* out of memory */
}

static void on_slots(struct probe_run *run, const redisReply *reply)
{
    struct scan *scan = scan_of(run);
    take_nodes(scan, SCAN_NODES);
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        if (is_range(reply->element[i]))
            add_node(scan, reply->element[i]->element[2]);
    if (scan->node_count == 0)
        probe_fail(run, -ENOENT, "no node of the cluster has any slot");
    else
        begin(scan);
}

static void on_self(struct probe_run *run, const redisReply *reply)
{
    struct scan *scan = scan_of(run);
    (void)snprintf(
        scan->self, sizeof(scan->self), "%s", talk_is_text(reply) ? reply->str : "nobody");
    talk_ask(scan->talk, run, on_slots, WORDS("CLUSTER", "SLOTS"));
}

static void on_info(struct probe_run *run, const redisReply *reply)
{
    struct scan *scan = scan_of(run);
    if (reply->type != REDIS_REPLY_STRING) {
        numbers_refuse(run);
        return;
    }
    scan->clustered = info_int(reply->str, "cluster_enabled", 0) == 1;
    if (scan->clustered) {
        talk_ask(scan->talk, run, on_self, WORDS("CLUSTER", "MYID"));
        return;
    }
    take_nodes(scan, 1);
    scan->nodes[scan->node_count++].own = true;
    begin(scan);
}

void scan_start(struct scan *scan)
{
    uint64_t now = probe_now(&scan->run->life), end = scan->run->deadline_ms;
    scan->until_ms = now + (uint64_t)scan->budget_ms;
    if (end > now && scan->until_ms > now + (end - now) * 8 / 10)
        scan->until_ms = now + (end - now) * 8 / 10;
    if (!scan->cursor[0])
        (void)snprintf(scan->cursor, sizeof(scan->cursor), "0");
    talk_ask(scan->talk, scan->run, on_info, WORDS("INFO"));
}

void scan_free(struct scan *scan)
{
    free(scan->nodes);
    scan->nodes = NULL;
}
