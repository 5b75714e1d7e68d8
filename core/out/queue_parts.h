/*
 * queue_parts - what the files of out/queue share.
 *
 *     queue.c        what comes in and goes out
 *     queue_disk.c   the spool's part of it: written, read back, forgotten, trimmed
 *
 * Layer: out.  Only for queue*.c.
 */
#ifndef OUT_QUEUE_PARTS_H
#define OUT_QUEUE_PARTS_H

#include "io/wait.h"
#include "out/queue.h"

struct queue {
    struct loop *loop;
    struct spool *spool;
    char *sink;
    struct config_queue bounds;
    queue_fn *changed;
    queue_disk_fn *disk;
    void *data;
    struct list front, back;
    size_t front_bytes, back_bytes;
    uint64_t middle, middle_bytes; /* events, and bytes, on disk alone */
    uint64_t events;               /* of all three */
    uint64_t loaded;               /* the last id that is, or was, in the front */
    uint64_t busy;                 /* the last id that is under way; zero: nothing is */
    uint64_t trimmed_after;        /* what is dropped from the disk just now comes after this id */
    uint64_t owed;                 /* up to which the disk is still to forget; zero: it has */
    uint64_t last_id;              /* without a spool */
    uint64_t dropped;
    struct timer again, age;
    unsigned pending; /* what the spool still answers */
    bool opening, putting, loading, trimming, settling, closing;
    bool unread; /* the disk could not be read; it is tried again */
    int broken;  /* why the last write failed */
};

/* The spool has answered, or the queue is closed: whether that was the last of it. */
bool queue_is_over(struct queue *queue);

/* What waits on disk is counted; what is in memory alone is written; what is next is read. */
void queue_open_spool(struct queue *queue);
void queue_write_back(struct queue *queue);
void queue_load(struct queue *queue);

/* Has the disk forget what is owed; `rest` is what is left of a block, or NULL. */
void queue_settle(struct queue *queue, const struct block *rest);

/* Drops the oldest on disk: as many as make up `bytes`, and what came before `before_ms`. */
void queue_trim(struct queue *queue, uint64_t bytes, int64_t before_ms);
void queue_trim_to_bytes(struct queue *queue);

#endif
