/*
 * walk - goes through queues, one after the other, and asks of each what a table says for its kind.
 *
 * What the queue checks have in common: the operator's names, the keys in which Bull, Sidekiq and
 * Celery keep their queues, and that what keeps us from one queue is that queue's finding, and the
 * others are asked all the same.
 */
#ifndef REDIS_WALK_H
#define REDIS_WALK_H

#include "talk.h"

/* Which queues; each list is ended by NULL. */
struct queue_names {
    const char *const *keys, *const *bull, *const *sidekiq, *const *celery;
    const char *prefix; /* of Bull's keys */
};

#define QUEUE_OPTIONS(type_)                                                                       \
    {"keys",                                                                                       \
     PROBE_LIST_AT(type_, names.keys),                                                             \
     .fallback = "[]",                                                                             \
     .help = "keys: lists, streams, sorted sets, sets"},                                           \
        {"bull",                                                                                   \
         PROBE_LIST_AT(type_, names.bull),                                                         \
         .fallback = "[]",                                                                         \
         .help = "names of queues of Bull or BullMQ, all of whose states are counted"},            \
        {"sidekiq",                                                                                \
         PROBE_LIST_AT(type_, names.sidekiq),                                                      \
         .fallback = "[]",                                                                         \
         .help = "names of queues of Sidekiq"},                                                    \
        {"celery",                                                                                 \
         PROBE_LIST_AT(type_, names.celery),                                                       \
         .fallback = "[]",                                                                         \
         .help = "names of queues of Celery, all of whose priorities are counted"},                \
    {                                                                                              \
        "prefix", PROBE_STRING_AT(type_, names.prefix), .fallback = "bull",                        \
                                                        .help = "what Bull puts before its keys"   \
    }

/* How many there are; refuses none at all, and one that is there twice. */
size_t queue_count(const struct queue_names *names);
int queue_prepare(const struct queue_names *names, struct probe_error *error);

/* What a queue turned out to be. */
enum queue_kind {
    QUEUE_BULL = 1,
    QUEUE_SIDEKIQ,
    QUEUE_CELERY,
    QUEUE_LIST,
    QUEUE_STREAM,
    QUEUE_ZSET,
    QUEUE_SET,
    QUEUE_NONE /* there is no such key */
};

/*
 * One question.  In its words %n is the queue's name, %p the prefix, %1 to %3 what the check gave,
 * %i an item: such a question is asked once for each item that an earlier one gave.  What has a word
 * that is not there (NULL) is not asked.  A table of these ends with { 0 }.
 */
struct queue_step {
    enum queue_kind kind;
    const char *words[8];
    int tag;
    bool spare; /* what keeps us from the answer is noted, and the finding is made without it */
};

enum { QUEUE_ITEMS = 50 };

/* The beginning of a run's data; set what it asks and how it goes on, then walk_start(). */
struct queue_walk {
    const struct queue_names *names;
    const struct queue_step *steps;
    const char *given[3];                 /* %1 to %3 */
    void (*begin)(struct probe_run *run); /* another queue: forget the one before */
    bool (*take)(struct probe_run *run, int tag, const redisReply *reply); /* false: it is none */
    void (*report)(struct probe_run *run);

    size_t at; /* which queue, of all */
    enum queue_kind kind;
    const char *name;
    char *subject;
    const struct queue_step *step;
    char *items[QUEUE_ITEMS];
    size_t item_count, item;
    char hint[320]; /* of a spare question that was refused, or "" */
};

void walk_start(struct probe_run *run);

/* An item for the questions that follow, copied; those beyond the last are ignored. */
void walk_add_item(struct queue_walk *walk, const char *item);

void walk_free(struct queue_walk *walk);

/* ended() of a check whose run's data begins with a walk, without anything else to free. */
void walk_ended(struct probe_target *self, struct probe_run *run);

#endif
