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
    free((void *)ack->id);
    free((void *)ack->who);
    free((void *)ack->reason);
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

static struct ack *add(struct acks *acks, const struct ack *like)
{
    struct ack *ack = mem_new(sizeof(*ack));
    *ack = (struct ack){.id = mem_copy(like->id),
                        .who = mem_copy(like->who ? like->who : "somebody"),
                        .reason = mem_copy(like->reason),
                        .at_ms = like->at_ms,
                        .shared = like->shared};
    list_init(&ack->link);
    list_add(&acks->all, &ack->link);
    acks->count++;
    return ack;
}

static void on_kept(const char *id, const json_t *body, void *data)
{
    struct acks *acks = data;
    if (acks->count < ACK_MOST)
        (void)add(acks,
                  &(const struct ack){.id = id,
                                      .who = json_string_value(json_object_get(body, "who")),
                                      .reason = json_string_value(json_object_get(body, "reason")),
                                      .at_ms = json_integer_value(json_object_get(body, "at_ms")),
                                      .shared = json_is_true(json_object_get(body, "shared"))});
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

static json_t *pack(const struct ack *ack)
{
    return json_pack("{s:s, s:I, s:s*, s:b}",
                     "who",
                     ack->who,
                     "at_ms",
                     (json_int_t)ack->at_ms,
                     "reason",
                     ack->reason,
                     "shared",
                     ack->shared);
}

/* What there is to be kept of one; `body` NULL: nothing any more. */
static void put(const struct acks *acks, const struct ack *ack, const json_t *body,
                memo_done_fn *fn, void *data)
{
    if (ack->shared)
        memo_put_shared(acks->memo, "ack", ack->id, body, body, fn, data);
    else
        memo_put(acks->memo, "ack", ack->id, body, fn, data);
}

void acks_add(struct acks *acks, const struct ack *like, memo_done_fn *fn, void *data)
{
    struct ack *old = find(acks, like->id);
    if (old)
        forget(acks, old);
    const struct ack *ack = add(acks, like);
    json_t *body = pack(ack);
    put(acks, ack, body, fn, data);
    json_decref(body);
}

void acks_take(struct acks *acks, const json_t *realms)
{
    struct ack *ack;
    const char *id;
    json_t *body;
    list_for_each(ack, &acks->all, struct ack, link) {
        if (!ack->shared)
            continue;
        memo_put(acks->memo, "ack", ack->id, NULL, NULL, NULL);
        forget(acks, ack);
    }
    json_object_foreach((json_t *)realms, id, body) {
        if (find(acks, id) || !json_is_object(body))
            continue;
        on_kept(id, body, acks);
        memo_put(acks->memo, "ack", id, body, NULL, NULL);
    }
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
    put(acks, ack, NULL, NULL, NULL);
    forget(acks, ack);
}
