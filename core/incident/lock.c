#include "incident/lock.h"

#include <string.h>

#include "base/list.h"
#include "base/mem.h"

static const char kind[] = "lock"; /* of memos */

struct held {
    struct list link;
    struct lock face;
};

struct locks {
    struct memo *memo;
    struct list all;
    size_t count;
};

static void forget(struct locks *locks, struct held *held)
{
    list_remove(&held->link);
    locks->count--;
    free((void *)held->face.target);
    free((void *)held->face.who);
    free((void *)held->face.reason);
    free(held);
}

static struct held *find(const struct locks *locks, const char *target)
{
    for (struct list *link = locks->all.next; link != &locks->all; link = link->next) {
        struct held *held = container_of(link, struct held, link);
        if (strcmp(held->face.target, target) == 0)
            return held;
    }
    return NULL;
}

static void add(struct locks *locks, const struct lock *like)
{
    struct held *held = mem_new(sizeof(*held));
    held->face = (struct lock){.target = mem_copy(like->target),
                               .who = mem_copy(like->who ? like->who : "somebody"),
                               .reason = mem_copy(like->reason),
                               .since_ms = like->since_ms};
    list_add(&locks->all, &held->link);
    locks->count++;
}

static void on_kept(const char *id, const json_t *body, void *data)
{
    struct locks *locks = data;
    const struct lock kept = {
        .target = id,
        .who = json_string_value(json_object_get(body, "who")),
        .reason = json_string_value(json_object_get(body, "reason")),
        .since_ms = json_integer_value(json_object_get(body, "since_ms")),
    };
    if (locks->count < LOCK_MOST)
        add(locks, &kept);
}

struct locks *locks_create(struct memo *memo)
{
    struct locks *locks = mem_new(sizeof(*locks));
    locks->memo = memo;
    list_init(&locks->all);
    (void)memo_each(memo, kind, on_kept, locks);
    return locks;
}

void locks_destroy(struct locks *locks)
{
    if (!locks)
        return;
    while (!list_empty(&locks->all))
        forget(locks, list_first(&locks->all, struct held, link));
    free(locks);
}

const struct lock *locks_find(const struct locks *locks, const char *target)
{
    const struct held *held = find(locks, target);
    return held ? &held->face : NULL;
}

bool locks_set(struct locks *locks, const struct lock *like, memo_done_fn *fn, void *data)
{
    const struct lock *set = locks_find(locks, like->target);
    if (!set && locks->count == LOCK_MOST)
        return false;
    if (!set)
        add(locks, like);
    set = locks_find(locks, like->target);
    json_t *body = json_pack("{s:s, s:I, s:s*}",
                             "who",
                             set->who,
                             "since_ms",
                             (json_int_t)set->since_ms,
                             "reason",
                             set->reason);
    memo_put(locks->memo, kind, set->target, body, fn, data);
    json_decref(body);
    return true;
}

void locks_lift(struct locks *locks, const char *target, memo_done_fn *fn, void *data)
{
    struct held *held = find(locks, target);
    memo_put(locks->memo, kind, target, NULL, fn, data);
    if (held)
        forget(locks, held);
}

void locks_write(const struct locks *locks, struct writer *writer)
{
    writer_array(writer, "locks");
    for (const struct list *link = locks->all.next; link != &locks->all; link = link->next) {
        const struct lock *lock = &container_of(link, const struct held, link)->face;
        writer_object(writer, NULL);
        writer_string(writer, "target", lock->target);
        writer_string(writer, "who", lock->who);
        writer_time(writer, "since", lock->since_ms);
        if (lock->reason)
            writer_string(writer, "reason", lock->reason);
        writer_end(writer);
    }
    writer_end(writer);
}
