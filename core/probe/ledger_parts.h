/*
 * ledger_parts - what the files of probe/ledger share.
 *
 *     ledger.c        subjects and their books, counters, ends
 *     ledger_kept.c   what of it all survives the process
 *     ledger_streak.c ... where nothing else has changed
 *     ledger_view.c   what stands there, for who asks
 *
 * Layer: probe.  Only for ledger*.c.
 */
#ifndef PROBE_LEDGER_PARTS_H
#define PROBE_LEDGER_PARTS_H

#include "base/list.h"
#include "probe/ledger.h"
#include "probe/standing.h"

/* Counters as they were last, one for each counter that the check declares. */
struct counters {
    const struct measures *of;
    struct {
        struct value value;
        int64_t at_ms;
    } last[];
};

/* A link of a hash chain. */
struct node {
    struct node *next;
    uint32_t hash;
};

struct map {
    struct node **chains;
    size_t room, count;
};

/* A named check of a target, with its subjects in the order in which they came. */
struct book {
    struct node node;
    struct ledger *ledger;
    struct list entries;
    size_t count;
    const char *name; /* within names, which begins with the target's */
    char names[];
};

struct ledger_entry {
    struct node node;
    struct list link;
    struct list changed; /* in one of the ledger's lists, while what is kept of it is out of date */
    uint64_t id;         /* under which it is kept; zero: it is not */
    bool stands;         /* what is kept of it is true but for its streak ... */
    uint32_t samples;    /* ... of so many samples since ... */
    int64_t kept_ms;     /* ... it was packed, and when the streak was last taken */
    int64_t taken_ms;
    struct book *book;
    struct counters *counters;
    void *attached;
    ledger_destroy_fn *destroy; /* of what is attached */
    struct standing standing;
    bool sampled;   /* in the run that has not finished yet */
    uint8_t absent; /* from so many finished runs */
    bool whole;     /* the target itself: there is no subject */
    char subject[];
};

struct ledger {
    struct map books, entries;
    struct list changed; /* entries, to be kept anew */
    struct list going;   /* entries of which only the streak is to be kept */
    uint64_t *ended;     /* ids of those that are gone, and are to be kept no longer */
    size_t ended_count, ended_room;
    uint64_t next_id;
    unsigned tally[PROBE_UNKNOWN + 1];
};

/* A sample came, after which all but the streak is as before, or is not: it is to be kept so. */
void ledger_note(struct ledger_entry *entry, bool goes_on);

/* It is kept as it is at `now_ms`. */
void ledger_note_kept(struct ledger_entry *entry, int64_t now_ms);

/* The book of `target`/`name`; NULL: there is none. */
struct book *ledger_book(const struct ledger *ledger, const char *target, const char *name);

/* Room for the counters that these measures declare; what there is of others is thrown away. */
struct counters *ledger_counters(struct ledger_entry *entry, const struct measures *measures);

#endif
