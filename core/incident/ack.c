#include "incident/ack.h"

#include <string.h>

struct acks {
    struct memo *memo;
    struct list all;
    size_t count;
};

static void forget(struct acks *acks, struct ack *ack)
{
    list_remove(&ack->link);
    acks->count--;
    free(ack->id);
    free(ack->who);
    free(ack->reason);
    free(ack);
}

static struct ack *find(const struct acks *acks, const char *id)
{
    for (struct list *link = acks->all.next; link != &acks->all; link = link->next) {
        struct ack *ack = container_of(link, struct ack, link);
        if (strcmp(ack->id, id) == 0)
            return ack;
    }
    return NULL;
}

static void add(struct acks *acks, const char *id, const char *who, const char *reason,
                int64_t at_ms)
{
    struct ack *ack = mem_new(sizeof(*ack));
    ack->id = mem_copy(id);
    ack->who = mem_copy(who ? who : "somebody");
    ack->reason = mem_copy(reason);
    ack->at_ms = at_ms;
    list_add(&acks->all, &ack->link);
    acks->count++;
}

static void on_kept(const char *id, const json_t *body, void *data)
{
    struct acks *acks = data;
    if (acks->count < ACK_MOST)
        add(acks,
            id,
            json_string_value(json_object_get(body, "who")),
            json_string_value(json_object_get(body, "reason")),
            json_integer_value(json_object_get(body, "at_ms")));
}

struct acks *acks_create(struct memo *memo)
{
    struct acks *acks = mem_new(sizeof(*acks));
    acks->memo = memo;
    list_init(&acks->all);
    (void)memo_each(memo, "ack", on_kept, acks);
    return acks;
}

void acks_destroy(struct acks *acks)
{
    if (!acks)
        return;
    while (!list_empty(&acks->all))
        forget(acks, list_first(&acks->all, struct ack, link));
    free(acks);
}

bool acks_room(const struct acks *acks)
{
    return acks->count < ACK_MOST;
}

void acks_add(struct acks *acks, const char *id, const char *who, const char *reason,
              int64_t now_ms, memo_done_fn *fn, void *data)
{
    struct ack *old = find(acks, id);
    if (old)
        forget(acks, old);
    add(acks, id, who, reason, now_ms);
    json_t *body = json_pack("{s:s, s:I}", "who", who, "at_ms", (json_int_t)now_ms);
    if (reason)
        (void)json_object_set_new(body, "reason", json_string(reason));
    memo_put(acks->memo, "ack", id, body, fn, data);
    json_decref(body);
}

const struct ack *acks_find(const struct acks *acks, const char *id)
{
    return find(acks, id);
}

void acks_end(struct acks *acks, const char *id)
{
    struct ack *ack = find(acks, id);
    if (!ack)
        return;
    memo_put(acks->memo, "ack", id, NULL, NULL, NULL);
    forget(acks, ack);
}
