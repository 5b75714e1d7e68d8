#include "sentinel.h"

#include <stdlib.h>
#include <string.h>

#include "errors.h"

enum { LONGEST_MS = 10000 }; /* where the run has no deadline */

static void ask_next(struct sentinel *sentinel);

static const struct wire_server *present(const struct sentinel *sentinel)
{
    return &sentinel->group->sentinels[sentinel->at];
}

/* ------------------------------------------------------------- answers ---- */

static void give_up(struct sentinel *sentinel, const struct probe_ending *last)
{
    char summary[400];
    struct probe_ending why = *last;
    if (sentinel->answered) {
        why = (struct probe_ending){.size = sizeof(why),
                                    .how = PROBE_FAILED,
                                    .status = -ENOENT,
                                    .reason = "no_master",
                                    .hint = "see the name of the master in `url`, and SENTINEL "
                                            "MASTERS"};
        (void)snprintf(summary,
                       sizeof(summary),
                       "the sentinels know no master that is called %.100s",
                       sentinel->group->name);
    } else {
        (void)snprintf(summary,
                       sizeof(summary),
                       "none of %zu sentinels says where the master is: %.200s",
                       sentinel->group->count,
                       last->summary);
        if (why.how == PROBE_DOWN)
            why.reason = "no_sentinel";
    }
    why.summary = summary;
    wire_unfound(sentinel->asks, &why);
}

static void try_another(struct sentinel *sentinel, const struct probe_ending *why)
{
    sentinel->at = (sentinel->at + 1) % sentinel->group->count;
    if (++sentinel->tried < sentinel->group->count)
        ask_next(sentinel);
    else
        give_up(sentinel, why);
}

/* [host, port] */
static bool address_in(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
           reply->element[0]->type == REDIS_REPLY_STRING &&
           reply->element[1]->type == REDIS_REPLY_STRING &&
           strtol(reply->element[1]->str, NULL, 10) > 0 &&
           strtol(reply->element[1]->str, NULL, 10) <= UINT16_MAX;
}

static bool knows_none(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_NIL ||
           (reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "No such master"));
}

static void stop_timer(struct sentinel *sentinel)
{
    probe_cancel(sentinel->wire.life, sentinel->timer);
    sentinel->timer = NULL;
}

static void on_silence(int status, void *data)
{
    struct sentinel *sentinel = data;
    const struct probe_ending why = {.size = sizeof(why),
                                     .how = PROBE_DOWN,
                                     .status = -ETIMEDOUT,
                                     .reason = "timeout",
                                     .summary = "no answer in time"};
    sentinel->timer = NULL;
    if (status < 0)
        return; /* the life ends, and tells whoever waits */
    wire_close(&sentinel->wire);
    try_another(sentinel, &why);
}

static void on_address(const redisReply *reply, const struct probe_ending *failure, void *data)
{
    struct sentinel *sentinel = data;
    struct error_text text;
    struct probe_ending why = errors_protocol('\0');
    stop_timer(sentinel);
    if (!reply) {
        try_another(sentinel, failure);
    } else if (address_in(reply)) {
        wire_close(&sentinel->wire);
        wire_found(sentinel->asks,
                   reply->element[0]->str,
                   (uint16_t)strtol(reply->element[1]->str, NULL, 10));
    } else {
        wire_close(&sentinel->wire);
        sentinel->answered = sentinel->answered || knows_none(reply);
        if (reply->type == REDIS_REPLY_ERROR)
            why = errors_explain(reply->str, &text);
        if (why.how == PROBE_DENIED && !why.hint)
            why.hint = "on the sentinels: ACL SETUSER runbookd on >PASSWORD "
                       "+sentinel|get-master-addr-by-name";
        try_another(sentinel, &why);
    }
}

/* -------------------------------------------------------------- asking ---- */

/* Those that do not answer leave time for the others, and for the master. */
static void ask_next(struct sentinel *sentinel)
{
    struct command command = {0};
    int64_t left = wire_patience_ms(sentinel->asks);
    int64_t others = (int64_t)(sentinel->group->count - sentinel->tried);
    int64_t share = (left > 0 ? left : LONGEST_MS) / (others + 1);
    wire_init(&sentinel->wire, sentinel->wire.life, present(sentinel));
    sentinel->wire.once = true;
    sentinel->timer =
        probe_timer(sentinel->wire.life, share > 0 ? (uint64_t)share : 1, on_silence, sentinel);
    command_add(&command, WORDS("SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinel->group->name));
    wire_ask(&sentinel->wire, on_address, sentinel, &command);
    command_clear(&command);
}

static void find(struct wire_guide *guide, struct wire *wire)
{
    struct sentinel *sentinel = (struct sentinel *)guide;
    sentinel->asks = wire;
    sentinel->tried = 0;
    sentinel->answered = false;
    ask_next(sentinel);
}

static void stop(struct wire_guide *guide, bool buried)
{
    struct sentinel *sentinel = (struct sentinel *)guide;
    if (buried) {
        sentinel->timer = NULL;
        wire_bury(&sentinel->wire);
        return;
    }
    stop_timer(sentinel);
    wire_close(&sentinel->wire);
}

void sentinel_init(struct sentinel *sentinel, struct probe_life *life,
                   const struct sentinel_group *group)
{
    *sentinel = (struct sentinel){.guide = {find, stop}, .group = group};
    wire_init(&sentinel->wire, life, NULL);
}
