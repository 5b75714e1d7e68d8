/*
 * queue_disk - a queue's blocks on their way to the disk and back.
 *
 * Layer: out.  Part of out/queue.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "io/loop.h"
#include "out/queue_parts.h"

enum { MOST_WRITTEN = 64 /* blocks at a time */, TRY_AGAIN_MS = 1000 };

static void forget_owed(struct queue *queue);

/* --------------------------------------------------------------- answers ---- */

/* At the beginning of each answer of the spool's: true, the queue is gone. */
bool queue_is_over(struct queue *queue)
{
    queue->pending--;
    if (!queue->closing)
        return false;
    if (queue->pending == 0) {
        struct list *const lists[] = {&queue->front, &queue->back};
        for (size_t i = 0; i < COUNT_OF(lists); i++)
            while (!list_empty(lists[i]))
                block_destroy(list_first(lists[i], struct block, link));
        free(queue->sink);
        free(queue);
    }
    return true;
}

static void tell_disk(struct queue *queue, int status)
{
    if (status != queue->broken)
        queue->disk(status, queue->data);
    queue->broken = status;
}

/* All that was on disk is gone; what is in memory goes there again. */
static void begin_anew(struct queue *queue)
{
    struct block *block;
    queue->dropped += queue->middle;
    queue->events -= queue->middle;
    queue->middle = queue->middle_bytes = 0;
    list_for_each(block, &queue->front, struct block, link)
        block->state = BLOCK_NEW;
    while (!list_empty(&queue->front)) {
        struct list *last = queue->front.prev;
        list_remove(last);
        list_add(queue->back.next, last);
    }
    queue->back_bytes += queue->front_bytes;
    queue->front_bytes = 0;
    queue->disk(-EUCLEAN, queue->data);
}

static size_t front_room(const struct queue *queue)
{
    return (size_t)queue->bounds.memory_bytes / 4;
}

/* ------------------------------------------------------------------ disk ---- */

static void on_again(void *data)
{
    struct queue *queue = data;
    bool unread = queue->unread;
    queue->unread = false;
    if (queue->opening)
        queue_open_spool(queue);
    forget_owed(queue);
    queue_write_back(queue);
    if (unread)
        queue_load(queue);
}

/* A block that is on disk now: it stays in memory where it follows what is there. */
static void keep_block(struct queue *queue, struct block *block)
{
    size_t len = block->lines.len;
    list_remove(&block->link);
    queue->back_bytes -= len;
    block->state = BLOCK_KEPT;
    bool fits = queue->front_bytes + len <= front_room(queue) || block->id <= queue->busy;
    if (queue->middle == 0 && !queue->opening && fits) {
        list_add(&queue->front, &block->link);
        queue->front_bytes += len;
        queue->loaded = block->id;
    } else {
        queue->middle += block->events;
        queue->middle_bytes += len;
        block_destroy(block);
    }
}

/* What a write was about; freed when it was answered. */
struct written {
    struct queue *queue;
    size_t count;
    struct block *blocks[MOST_WRITTEN];
};

static void settle_written(struct written *written, int status)
{
    struct queue *queue = written->queue;
    for (size_t i = 0; i < written->count; i++) {
        struct block *block = written->blocks[i];
        if (block->gone)
            block_destroy(block);
        else if (status == 0)
            keep_block(queue, block);
        else
            block->state = BLOCK_NEW;
    }
}

static void on_written(int status, void *data)
{
    struct written *written = data;
    struct queue *queue = written->queue;
    queue->putting = false;
    settle_written(written, status);
    free(written);
    if (queue_is_over(queue))
        return;
    if (status == -EUCLEAN)
        begin_anew(queue);
    else
        tell_disk(queue, status);
    if (status < 0 && status != -EUCLEAN)
        timer_start(&queue->again, queue->loop, TRY_AGAIN_MS, on_again, queue);
    else
        queue_write_back(queue);
    queue_trim_to_bytes(queue);
    queue->changed(queue->data);
}

void queue_write_back(struct queue *queue)
{
    struct block *block;
    if (!queue->spool || queue->putting || queue->closing || timer_pending(&queue->again))
        return;
    struct written *written = mem_new(sizeof(*written));
    written->queue = queue;
    list_for_each(block, &queue->back, struct block, link) {
        if (written->count == MOST_WRITTEN)
            break;
        if (block->state != BLOCK_NEW)
            continue;
        block->state = BLOCK_WRITING;
        written->blocks[written->count++] = block;
    }
    if (written->count == 0) {
        free(written);
        return;
    }
    queue->putting = true;
    queue->pending++;
    spool_put(queue->spool, queue->sink, written->blocks, written->count, on_written, written);
}

/* --------------------------------------------------------------- reading ---- */

static void on_loaded(int status, struct list *blocks, void *data)
{
    struct queue *queue = data;
    queue->loading = false;
    if (queue_is_over(queue))
        return;
    bool none = list_empty(blocks);
    while (!list_empty(blocks)) {
        struct block *block = list_first(blocks, struct block, link);
        list_remove(&block->link);
        list_add(&queue->front, &block->link);
        queue->front_bytes += block->lines.len;
        queue->middle -= block->events < queue->middle ? block->events : queue->middle;
        queue->middle_bytes -=
            block->lines.len < queue->middle_bytes ? block->lines.len : queue->middle_bytes;
        queue->loaded = block->id;
    }
    if (status == -EUCLEAN || (status == 0 && none && queue->middle > 0)) {
        begin_anew(queue);
        queue_write_back(queue);
    } else if (status < 0) {
        tell_disk(queue, status);
        queue->unread = true;
        timer_start(&queue->again, queue->loop, TRY_AGAIN_MS, on_again, queue);
        return;
    }
    queue->changed(queue->data);
}

void queue_load(struct queue *queue)
{
    if (queue->loading || queue->closing || queue->unread || queue->middle == 0 ||
        queue->front_bytes > front_room(queue) / 2)
        return;
    queue->loading = true;
    queue->pending++;
    spool_load(queue->spool,
               queue->sink,
               queue->loaded,
               front_room(queue) - queue->front_bytes,
               on_loaded,
               queue);
}

static void on_opened(int status, const struct spool_sum *sum, void *data)
{
    struct queue *queue = data;
    if (queue_is_over(queue))
        return;
    if (!queue->opening)
        return; /* asked twice, as after a failure */
    if (status < 0 && status != -EUCLEAN) {
        tell_disk(queue, status);
        timer_start(&queue->again, queue->loop, TRY_AGAIN_MS, on_again, queue);
        return;
    }
    queue->opening = false;
    queue->middle += sum->events;
    queue->middle_bytes += sum->bytes;
    queue->events += sum->events;
    if (status == -EUCLEAN)
        queue->disk(-EUCLEAN, queue->data);
    queue_trim_to_bytes(queue);
    queue->changed(queue->data);
}

void queue_open_spool(struct queue *queue)
{
    queue->pending++;
    spool_open_sink(queue->spool, queue->sink, on_opened, queue);
}

/* -------------------------------------------------------------- trimming ---- */

/* Those of the front are gone with what is on disk; the rest of the sum was on disk alone. */
static void forget_trimmed(struct queue *queue, const struct spool_sum *sum)
{
    struct block *block;
    uint64_t events = sum->events, bytes = sum->bytes;
    queue->dropped += events;
    queue->events -= events < queue->events ? events : queue->events;
    list_for_each(block, &queue->front, struct block, link) {
        if (block->id <= queue->trimmed_after || block->id > sum->last_id)
            continue;
        events -= block->events;
        bytes -= block->lines.len;
        queue->front_bytes -= block->lines.len;
        block_destroy(block);
    }
    queue->middle -= events < queue->middle ? events : queue->middle;
    queue->middle_bytes -= bytes < queue->middle_bytes ? bytes : queue->middle_bytes;
    if (sum->last_id > queue->loaded)
        queue->loaded = sum->last_id;
}

static void on_trimmed(int status, const struct spool_sum *sum, void *data)
{
    struct queue *queue = data;
    queue->trimming = false;
    if (queue_is_over(queue))
        return;
    if (status == 0 && sum->last_id)
        forget_trimmed(queue, sum);
    queue->changed(queue->data);
}

void queue_trim(struct queue *queue, uint64_t bytes, int64_t before_ms)
{
    if (!queue->spool || queue->trimming || queue->closing)
        return;
    queue->trimming = true;
    queue->trimmed_after = queue->busy;
    queue->pending++;
    spool_trim(queue->spool,
               queue->sink,
               (struct spool_trim){.after = queue->busy, .bytes = bytes, .before_ms = before_ms},
               on_trimmed,
               queue);
}

void queue_trim_to_bytes(struct queue *queue)
{
    uint64_t most = (uint64_t)queue->bounds.spool_bytes;
    uint64_t have = queue->front_bytes + queue->middle_bytes;
    if (have > most)
        queue_trim(queue, have - most + most / 64, INT64_MIN);
}

/* ------------------------------------------------------------ forgetting ---- */

static void on_forgotten(int status, void *data)
{
    struct queue *queue = data;
    queue->settling = false;
    if (queue_is_over(queue))
        return;
    if (status == -EUCLEAN) {
        begin_anew(queue);
        queue_write_back(queue);
    } else if (status < 0) {
        tell_disk(queue, status);
        timer_start(&queue->again, queue->loop, TRY_AGAIN_MS, on_again, queue);
    }
    if (status == 0) {
        queue->owed = 0;
        tell_disk(queue, 0);
    }
    queue->changed(queue->data);
}

void queue_settle(struct queue *queue, const struct block *rest)
{
    queue->settling = true;
    queue->pending++;
    spool_take_off(queue->spool, queue->sink, queue->owed, rest, on_forgotten, queue);
}

static void forget_owed(struct queue *queue)
{
    if (queue->owed && !queue->settling)
        queue_settle(queue, NULL);
}
