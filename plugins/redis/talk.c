#include "talk.h"

#include <stdlib.h>
#include <string.h>

#include "lease.h"

enum { MOST_HOPS = 5 };

void talk_init(struct talk *talk, struct probe_life *life, struct talk_place *place)
{
    *talk = (struct talk){.place = place};
    wire_init(&talk->wire, life, &place->server);
    cluster_init(&talk->cluster, life, &place->server);
    sentinel_init(&talk->sentinel, life, &place->sentinels);
    if (place->sentinels.count > 0)
        talk->wire.guide = &talk->sentinel.guide;
}

bool talk_is_text(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS;
}

/* -------------------------------------------------------------- ending ---- */

static const char *needs_of(const struct probe_run *run)
{
    return run->check ? run->check->needs : run->action ? run->action->needs : lease.needs;
}

void talk_failed(struct probe_run *run, const struct probe_ending *why)
{
    bool lacks_right = why->how == PROBE_DENIED && !why->hint;
    probe_end(run,
              .how = why->how,
              .status = why->status,
              .reason = why->reason,
              .summary = why->summary,
              .hint = lacks_right ? needs_of(run) : why->hint);
}

struct probe_ending talk_explain(struct talk *talk, const char *error, struct error_text *text)
{
    struct probe_ending why = errors_explain(error, text);
    if (!errors_is(error, "NOPERM"))
        return why;
    const char *user = talk->place->server.user, *missing = right_missing(&talk->right, error);
    struct rights one = {0};
    rights_add(&one, missing);
    rights_add(&talk->place->rights, missing);
    (void)rights_line(&one, user && *user ? user : "default", text->hint, sizeof(text->hint));
    why.hint = text->hint;
    return why;
}

void talk_refused(struct talk *talk, struct probe_run *run, const char *error)
{
    struct error_text text;
    struct probe_ending why = talk_explain(talk, error, &text);
    talk_failed(run, &why);
}

/* ------------------------------------------------------------- answers ---- */

static void send_to(struct talk *talk, struct cluster_node *node, const struct command *command);

/*
 * A node that is out of reach is not the target: it is told as an error of the server's, as all that
 * concerns one key.  Its own node may know by now who took its place.
 */
static void lose_node(struct talk *talk, const struct probe_ending *failure)
{
    struct cluster_node *node = talk->asked;
    char error[400];
    cluster_unlearn(node);
    if (talk->hops == 0 && !talk->pinned) {
        talk->hops++;
        send_to(talk, NULL, &talk->command);
        return;
    }
    int len = snprintf(error,
                       sizeof(error),
                       "%s%.100s:%u is out of reach: %.200s",
                       errors_node_down,
                       node->host,
                       node->server.port,
                       failure->summary);
    redisReply reply = {.type = REDIS_REPLY_ERROR, .str = error, .len = (size_t)len};
    if (talk->errors_too && !talk->many)
        talk->then(talk->run, &reply);
    else
        talk_refused(talk, talk->run, error);
}

static void follow(struct talk *talk, const struct cluster_move *move)
{
    static const char *const asking[] = {"ASKING"};
    struct cluster_node *node = cluster_at(&talk->cluster, move->host, move->port);
    struct command command = {0};
    talk->hops++;
    if (move->once)
        command_add(&command, 1, asking);
    else
        cluster_learn(&talk->cluster, node, move->slot);
    command_copy(&command, &talk->command);
    send_to(talk, node, &command);
    command_clear(&command);
}

/* The reply to the command itself, where ASKING went before it. */
static const redisReply *own_reply(const struct talk *talk, const redisReply *reply, size_t sent)
{
    bool asking = talk->command.count == 1 && sent == 2;
    return asking ? reply->element[1] : reply;
}

static void take_many(struct talk *talk, const redisReply *reply)
{
    redisReply *only = (redisReply *)(uintptr_t)reply; /* nobody writes there */
    const redisReply one = {.type = REDIS_REPLY_ARRAY, .elements = 1, .element = &only};
    talk->then(talk->run, talk->command.count > 1 ? reply : &one);
}

static void take(struct talk *talk, const redisReply *reply)
{
    struct probe_run *run = talk->run;
    struct cluster_move move;
    bool error = reply->type == REDIS_REPLY_ERROR;
    if (talk->many)
        take_many(talk, reply);
    else if (error && talk->hops < MOST_HOPS && cluster_read_move(reply->str, &move))
        follow(talk, &move);
    else if (error && !talk->errors_too)
        talk_refused(talk, run, reply->str);
    else
        talk->then(run, reply);
}

static void on_answer(const redisReply *reply, const struct probe_ending *failure, void *data)
{
    struct talk *talk = data;
    if (reply)
        take(talk, reply);
    else if (talk->asked)
        lose_node(talk, failure);
    else
        talk_failed(talk->run, failure);
}

static void on_asked(const redisReply *reply, const struct probe_ending *failure, void *data)
{
    on_answer(reply ? own_reply(data, reply, 2) : NULL, failure, data);
}

/* -------------------------------------------------------------- asking ---- */

/*
 * Where a connection is held up (a name server, a firewall, a handshake) is known only until the
 * deadline, so connecting gives up shortly before.
 */
static int64_t patience_of(struct probe_run *run)
{
    uint64_t now = probe_now(&run->life);
    return run->deadline_ms > now ? (int64_t)(run->deadline_ms - now) * 9 / 10 : 0;
}

static void send_to(struct talk *talk, struct cluster_node *node, const struct command *command)
{
    struct wire *wire = node ? &node->wire : &talk->wire;
    bool asking = command != &talk->command && command->count > talk->command.count;
    talk->asked = node;
    wire->once = talk->wire.once;
    wire->patience_ms = patience_of(talk->run);
    wire_ask(wire, asking ? on_asked : on_answer, talk, command);
}

static void begin(struct talk *talk, struct probe_run *run, talk_fn *then,
                  struct cluster_node *node)
{
    talk->run = run;
    talk->then = then;
    talk->hops = 0;
    send_to(talk, talk->pinned ? talk->pinned : node, &talk->command);
}

static void ask(struct talk *talk, struct probe_run *run, talk_fn *then, int argc,
                const char *const *argv)
{
    const char *key = command_key(argc, argv);
    talk->many = false;
    command_clear(&talk->command);
    command_add(&talk->command, argc, argv);
    right_of(argc, argv, &talk->right);
    begin(talk, run, then, key ? cluster_with(&talk->cluster, command_slot(key)) : NULL);
}

void talk_ask(struct talk *talk, struct probe_run *run, talk_fn *then, int argc,
              const char *const *argv)
{
    talk->errors_too = false;
    ask(talk, run, then, argc, argv);
}

void talk_try(struct talk *talk, struct probe_run *run, talk_fn *then, int argc,
              const char *const *argv)
{
    talk->errors_too = true;
    ask(talk, run, then, argc, argv);
}

void talk_add(struct talk *talk, int argc, const char *const *argv)
{
    if (talk->next.count == 0)
        right_of(argc, argv, &talk->right);
    command_add(&talk->next, argc, argv);
}

void talk_send(struct talk *talk, struct probe_run *run, talk_fn *then)
{
    command_clear(&talk->command);
    talk->command = talk->next;
    talk->next = (struct command){0};
    talk->many = true;
    begin(talk, run, then, NULL);
}

/* ---------------------------------------------------------------- ends ---- */

static void forget(struct talk *talk)
{
    talk->run = NULL;
    talk->pinned = NULL;
    talk->asked = NULL;
    command_clear(&talk->command);
    command_clear(&talk->next);
}

void talk_over(struct talk *talk)
{
    forget(talk);
    wire_forget(&talk->wire);
    cluster_close(&talk->cluster);
}

void talk_close(struct talk *talk)
{
    forget(talk);
    wire_close(&talk->wire);
    cluster_close(&talk->cluster);
}

void talk_bury(struct talk *talk)
{
    forget(talk);
    wire_bury(&talk->wire);
    cluster_bury(&talk->cluster);
}
