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
                               .since_ms = like->since_ms,
                               .shared = like->shared};
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
        .shared = json_is_true(json_object_get(body, "shared")),
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

static json_t *pack(const struct lock *lock)
{
    return json_pack("{s:b, s:s, s:I, s:s*, s:b}",
                     "on",
                     true,
                     "who",
                     lock->who,
                     "since_ms",
                     (json_int_t)lock->since_ms,
                     "reason",
                     lock->reason,
                     "shared",
                     lock->shared);
}

static void put(const struct locks *locks, const struct lock *lock, memo_done_fn *fn, void *data)
{
    json_t *body = pack(lock);
    if (lock->shared)
        memo_put_shared(locks->memo, kind, lock->target, body, body, fn, data);
    else
        memo_put(locks->memo, kind, lock->target, body, fn, data);
    json_decref(body);
}

bool locks_set(struct locks *locks, const struct lock *like, memo_done_fn *fn, void *data)
{
    const struct lock *set = locks_find(locks, like->target);
    if (!set && locks->count == LOCK_MOST)
        return false;
    if (!set)
        add(locks, like);
    put(locks, locks_find(locks, like->target), fn, data);
    return true;
}

/* That it was lifted goes over as well: another agent may still have it as set. */
void locks_lift(struct locks *locks, const char *target, int64_t now_ms, memo_done_fn *fn,
                void *data)
{
    struct held *held = find(locks, target);
    json_t *lifted = json_pack("{s:b, s:I}", "on", false, "since_ms", (json_int_t)now_ms);
    if (held && held->face.shared)
        memo_put_shared(locks->memo, kind, target, NULL, lifted, fn, data);
    else
        memo_put(locks->memo, kind, target, NULL, fn, data);
    json_decref(lifted);
    if (held)
        forget(locks, held);
}

/* What the realm says of one target. */
static void take(struct locks *locks, const char *target, const json_t *body, int64_t now_ms)
{
    struct held *held = find(locks, target);
    bool known = json_is_boolean(json_object_get(body, "on"));
    const struct lock theirs = {
        .target = target,
        .who = known ? json_string_value(json_object_get(body, "who")) : "nobody known",
        .reason = known ? json_string_value(json_object_get(body, "reason"))
                        : "what the realm says of its lock cannot be read",
        .since_ms = known ? json_integer_value(json_object_get(body, "since_ms")) : now_ms,
        .shared = true,
    };
    if (held && held->face.since_ms > theirs.since_ms) {
        held->face.shared = true;
        put(locks, &held->face, NULL, NULL);
        return;
    }
    if (held)
        forget(locks, held);
    if (!known || json_is_true(json_object_get(body, "on")))
        add(locks, &theirs);
    const struct lock *set = locks_find(locks, target);
    json_t *kept = set ? pack(set) : NULL;
    memo_put(locks->memo, kind, target, kept, NULL, NULL);
    json_decref(kept);
}

void locks_take(struct locks *locks, const json_t *realms, int64_t now_ms)
{
    struct held *held;
    const char *target;
    json_t *body;
    list_for_each(held, &locks->all, struct held, link) {
        if (held->face.shared && !json_object_get(realms, held->face.target))
            put(locks, &held->face, NULL, NULL);
    }
    json_object_foreach((json_t *)realms, target, body)
        take(locks, target, body, now_ms);
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
