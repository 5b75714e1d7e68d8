#include "out/queue.h"

#include <string.h>

#include "base/mem.h"
#include "io/loop.h"
#include "out/queue_parts.h"

enum { BLOCK_BYTES = 128 << 10, LOOK_AT_AGE_MS = 10000, LONGEST_EVENT = 16 << 20 };

/* ---------------------------------------------------------------- memory ---- */

static size_t back_room(const struct queue *queue)
{
    size_t memory = (size_t)queue->bounds.memory_bytes;
    return queue->spool ? memory - memory / 4 : memory;
}

static void forget(struct queue *queue, struct block *block)
{
    queue->back_bytes -= block->lines.len;
    if (block->state == BLOCK_WRITING) {
        block->gone = true;
        list_remove(&block->link);
    } else {
        block_destroy(block);
    }
}

/* The oldest that is in memory alone and not under way; false: there is none. */
static bool drop_one(struct queue *queue, int64_t before_ms)
{
    struct block *block;
    list_for_each(block, &queue->back, struct block, link) {
        bool last = block->link.next == &queue->back;
        if (block->state != BLOCK_NEW || block->id <= queue->busy ||
            (before_ms ? block->wall_ms >= before_ms : last))
            continue;
        queue->dropped += block->events;
        queue->events -= block->events;
        forget(queue, block);
        return true;
    }
    return false;
}

/* The block that a new event goes to. */
static struct block *open_block(struct queue *queue, size_t len)
{
    size_t most = back_room(queue) / 8 < BLOCK_BYTES ? back_room(queue) / 8 : BLOCK_BYTES;
    size_t count = (size_t)queue->bounds.batch_count;
    if (!list_empty(&queue->back)) {
        struct block *block = container_of(queue->back.prev, struct block, link);
        if (block->state == BLOCK_NEW && block->id > queue->busy &&
            block->lines.len + len <= most && block->events < count)
            return block;
    }
    uint64_t id = queue->spool ? spool_next_id(queue->spool) : ++queue->last_id;
    struct block *block = block_create(id, loop_wall_ms(queue->loop), LONGEST_EVENT);
    list_add(&queue->back, &block->link);
    return block;
}

void queue_add(struct queue *queue, const char *line, size_t len)
{
    struct block *block = open_block(queue, len + 1);
    text_add_n(&block->lines, line, len);
    text_add_char(&block->lines, '\n');
    block->events++;
    queue->events++;
    queue->back_bytes += len + 1;
    while (queue->back_bytes > back_room(queue) && drop_one(queue, 0))
        ;
    queue_write_back(queue);
}

static void on_age(void *data)
{
    struct queue *queue = data;
    int64_t before = loop_wall_ms(queue->loop) - queue->bounds.spool_age_ms;
    uint64_t dropped = queue->dropped;
    bool old = queue->middle > 0;
    if (!list_empty(&queue->front))
        old = list_first(&queue->front, struct block, link)->wall_ms < before;
    if (old)
        queue_trim(queue, 0, before);
    while (drop_one(queue, before))
        ;
    timer_start(&queue->age, queue->loop, LOOK_AT_AGE_MS, on_age, queue);
    if (queue->dropped != dropped)
        queue->changed(queue->data);
}

/* ---------------------------------------------------------------- taking ---- */

/* The beginning of a block that is too much as a whole. */
static bool take_part(struct queue_parcel *parcel, const struct block *block, size_t count,
                      size_t bytes)
{
    const char *at = block->lines.bytes, *end = at + block->lines.len;
    if (block->state == BLOCK_WRITING)
        return false;
    while (at < end && parcel->face.count < count) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline ? newline + 1 : end) - at);
        if (parcel->face.count && parcel->lines.len + len > bytes)
            break;
        text_add_n(&parcel->lines, at, len);
        parcel->face.count++;
        at += len;
    }
    parcel->begun = block->id;
    return true;
}

/* False: the parcel is full. */
static bool take_whole(struct queue_parcel *parcel, const struct block *block, size_t count,
                       size_t bytes)
{
    if (parcel->face.count + block->events > count || parcel->lines.len + block->lines.len > bytes)
        return false;
    text_add_n(&parcel->lines, block->lines.bytes, block->lines.len);
    parcel->face.count += block->events;
    parcel->whole = block->id;
    return true;
}

static bool take_from(const struct list *list, size_t count, size_t bytes,
                      struct queue_parcel *parcel)
{
    struct block *block;
    list_for_each(block, list, struct block, link) {
        if (take_whole(parcel, block, count, bytes))
            continue;
        if (parcel->face.count == 0 && block->events > 1)
            (void)take_part(parcel, block, count, bytes);
        else if (parcel->face.count == 0)
            (void)take_whole(parcel, block, SIZE_MAX, SIZE_MAX);
        return false;
    }
    return true;
}

bool queue_take(struct queue *queue, size_t count, size_t bytes, struct queue_parcel *parcel)
{
    queue_load(queue);
    if (queue->settling || queue->opening || queue->trimming || queue->events == 0)
        return false;
    queue_parcel_finish(parcel);
    *parcel = (struct queue_parcel){0};
    text_init(&parcel->lines, bytes > LONGEST_EVENT ? bytes : LONGEST_EVENT);
    if (take_from(&queue->front, count, bytes, parcel) && queue->middle == 0)
        (void)take_from(&queue->back, count, bytes, parcel);
    parcel->face.lines = parcel->lines.bytes;
    parcel->face.len = parcel->lines.len;
    queue->busy = parcel->begun ? parcel->begun : parcel->whole;
    return parcel->face.count > 0;
}

void queue_put_back(struct queue *queue)
{
    queue->busy = 0;
}

void queue_parcel_finish(struct queue_parcel *parcel)
{
    text_finish(&parcel->lines);
    *parcel = (struct queue_parcel){0};
}

/* ------------------------------------------------------------- taken off ---- */

/* Whether it is, or may be, on disk. */
static bool forget_whole(struct queue *queue, struct list *list, uint64_t id)
{
    struct block *block;
    bool kept = false;
    list_for_each(block, list, struct block, link) {
        if (block->id > id)
            break;
        kept = kept || block->state != BLOCK_NEW;
        queue->events -= block->events;
        if (list == &queue->back) {
            forget(queue, block);
            continue;
        }
        queue->front_bytes -= block->lines.len;
        block_destroy(block);
    }
    return kept;
}

/* What is left of a block goes in its place; of one that is being written, to be written again. */
static struct block *keep_rest(struct queue *queue, struct block *block,
                               const struct queue_parcel *parcel)
{
    struct block *rest = block_create(block->id, block->wall_ms, LONGEST_EVENT);
    size_t *bytes = block->state == BLOCK_KEPT ? &queue->front_bytes : &queue->back_bytes;
    rest->events = block->events - parcel->face.count;
    rest->state = block->state == BLOCK_KEPT ? BLOCK_KEPT : BLOCK_NEW;
    text_add_n(
        &rest->lines, block->lines.bytes + parcel->face.len, block->lines.len - parcel->face.len);
    list_add(&block->link, &rest->link);
    queue->events -= parcel->face.count;
    *bytes += rest->lines.len;
    if (block->state == BLOCK_KEPT) {
        *bytes -= block->lines.len;
        block_destroy(block);
    } else {
        forget(queue, block);
    }
    return rest;
}

static struct block *find(struct queue *queue, uint64_t id)
{
    struct block *block;
    list_for_each(block, &queue->front, struct block, link)
        if (block->id == id)
            return block;
    list_for_each(block, &queue->back, struct block, link)
        if (block->id == id)
            return block;
    return NULL;
}

void queue_taken_off(struct queue *queue, const struct queue_parcel *parcel)
{
    queue->busy = 0;
    if (parcel->begun) {
        struct block *block = find(queue, parcel->begun);
        struct block *rest = block ? keep_rest(queue, block, parcel) : NULL;
        if (rest && rest->state == BLOCK_KEPT)
            queue_settle(queue, rest);
        queue_write_back(queue);
        return;
    }
    bool kept = forget_whole(queue, &queue->front, parcel->whole);
    kept = forget_whole(queue, &queue->back, parcel->whole) || kept;
    if (kept || queue->owed) {
        queue->owed = parcel->whole;
        queue_settle(queue, NULL);
    }
    queue_load(queue);
}

/* ------------------------------------------------------------------ whole ---- */

struct queue_sum queue_waiting(const struct queue *queue)
{
    const struct list *list = list_empty(&queue->front) ? &queue->back : &queue->front;
    return (struct queue_sum){
        .events = queue->events,
        .bytes = queue->front_bytes + queue->middle_bytes + queue->back_bytes,
        .oldest_ms = list_empty(list) ? 0 : list_first(list, struct block, link)->wall_ms,
    };
}

uint64_t queue_dropped(const struct queue *queue)
{
    return queue->dropped;
}

uint64_t queue_unsafe(const struct queue *queue)
{
    struct block *block;
    uint64_t events = 0;
    list_for_each(block, &queue->back, struct block, link)
        events += block->events;
    return events;
}

void queue_drop_all(struct queue *queue)
{
    queue->dropped += queue->events;
    queue->events = queue->middle = queue->middle_bytes = 0;
    (void)forget_whole(queue, &queue->front, UINT64_MAX);
    (void)forget_whole(queue, &queue->back, UINT64_MAX);
    queue->events = 0;
    if (queue->spool && !queue->settling) {
        queue->owed = INT64_MAX;
        queue_settle(queue, NULL);
    }
}

void queue_set_bounds(struct queue *queue, const struct config_queue *bounds)
{
    queue->bounds = *bounds;
    queue_trim_to_bytes(queue);
}

struct queue *queue_create(const struct queue_wish *wish)
{
    struct queue *queue = mem_new(sizeof(*queue));
    *queue = (struct queue){
        .loop = wish->loop,
        .spool = wish->bounds->spool_bytes ? wish->spool : NULL,
        .sink = mem_copy(wish->sink),
        .bounds = *wish->bounds,
        .changed = wish->changed,
        .disk = wish->disk,
        .data = wish->data,
    };
    list_init(&queue->front);
    list_init(&queue->back);
    timer_start(&queue->age, queue->loop, LOOK_AT_AGE_MS, on_age, queue);
    if (queue->spool) {
        queue->opening = true;
        queue_open_spool(queue);
    }
    return queue;
}

void queue_close(struct queue *queue)
{
    if (!queue)
        return;
    timer_stop(&queue->again);
    timer_stop(&queue->age);
    queue->closing = true;
    queue->pending++;
    (void)queue_is_over(queue);
}
