/*
 * audit - what was decided, begun and done, in a chain of hashes that shows what is missing.
 *
 * A line is JSON, holds the hash of the line before, and is hashed itself.  It is on disk before anybody is
 * told: `fn` first, then the event of kind `audit`.  Lines are written in the order in which they were added,
 * many at once where many wait.  Each heartbeat carries the number of lines and the last hash, so that
 * whoever stores events is the witness of a tail that was cut off.
 *
 * Without a store nothing is kept: lines are events all the same, and the guard refuses to change anything.
 *
 * Layer: incident.  Uses: base, io/store, probe/event.
 */
#ifndef INCIDENT_AUDIT_H
#define INCIDENT_AUDIT_H

#include <stdio.h>

#include <jansson.h>

#include "base/error.h"
#include "io/store.h"
#include "probe/event.h"

enum {
    AUDIT_HASH_LEN = 64,
    AUDIT_MOST = 100000, /* that are kept; the chain then begins where the oldest one stands */
    AUDIT_MOST_WAITING = 1000,
    AUDIT_LONGEST = 8 * 1024 /* a line; a longer one loses its details */
};

struct audit;

/* Where lines are acknowledged by others than us: a sink of the configuration.  All calls are on the loop. */
typedef void audit_witnessed_fn(const char *why,
                                void *data); /* NULL: it has the line; or why not */
struct audit_witness {
    /* Whether `sink` takes the event of that seq: `fn` is called once, later, within `wait_ms`. */
    void (*ask)(const char *sink, uint64_t seq, int64_t wait_ms, audit_witnessed_fn *fn,
                void *fn_data, void *data);
    void (*forget)(void *fn_data, void *data); /* `fn` is not to be called any more */
    void *data;
};

enum { AUDIT_UNWITNESSED = -4001 }; /* a status of audit_done_fn: written, and not acknowledged */

struct audit_line {
    const char
        *step; /* a word: "intent", "applied", "approved", "silenced", "frozen", "reloaded" */
    const char *message;   /* one sentence */
    event_write_fn *write; /* further members, called once, at once; or NULL */
    void *data;
    bool witnessed; /* it counts only when the sink that is required has acknowledged it */
    bool happened;  /* tried until it is written, also where `fn` hears that it was not */
};

/* Zero: it is on disk (or was, without a store, said), as that entry; or why not. */
typedef void audit_done_fn(int status, uint64_t entry, void *data);

/*
 * `store` is borrowed, and may be NULL.  Blocks while the chain's end is read, for the start only.  NULL where
 * that cannot be.
 */
struct audit *audit_open(struct loop *loop, struct bus *bus, struct store *store,
                         struct error *error);

/* Lines that wait are not told any more; those that were queued are written by the store. */
void audit_close(struct audit *audit); /* NULL is fine */

/* `fn` (may be NULL) is called once, later.  Texts are copied. */
void audit_add(struct audit *audit, const struct audit_line *line, audit_done_fn *fn, void *data);

/* Which sink is to acknowledge lines that are `witnessed`, and how long that is waited for; NULL: none. */
void audit_require(struct audit *audit, const char *sink, int64_t wait_ms);
bool audit_requires(const struct audit *audit);

/* Who asks that sink; borrowed.  NULL: nobody can, and nothing that is required is acknowledged. */
void audit_set_witness(struct audit *audit, const struct audit_witness *witness);

/* What a status of audit_done_fn that is less than zero says, for people. */
const char *audit_why(const struct audit *audit, int status);

/* Who waits with that data is not told any more; its lines are written. */
void audit_forget(struct audit *audit, void *data);

/* Why nothing that is said here would be kept, or NULL. */
const char *audit_trouble(const struct audit *audit);

/* Writes "audit": {"entries": 1901, "head": "5be1..."}, for heartbeats. */
void audit_write_head(const struct audit *audit, struct writer *writer);

/* What a look at the whole chain has found. */
struct audit_sight {
    uint64_t first, last; /* zero: there is none */
    uint64_t wrong;       /* the first entry that does not fit; zero: all do */
    char why[200];
    char head[AUDIT_HASH_LEN + 1];
    bool witnessed; /* the witness's entry is there and has that hash */
};

/*
 * Looks through the chain in FOLDER/state.db, which an agent may be using.  `entry` (zero: none) and `head`,
 * some first digits, are what a witness has seen.  Blocks.  Zero, or why it could not look.
 */
int audit_verify(const char *folder, uint64_t entry, const char *head, struct audit_sight *sight,
                 struct error *error);

/* A time on the wall from which on, and one until which, entries are wanted; zero: no bound. */
struct audit_range {
    int64_t since_ms, until_ms, now_ms;
};

/*
 * Writes the entries of a time, none of them left out, as a file that audit_verify_file() verifies by itself.
 * `sight` is of these; `wrong` is the first that does not fit, which ends them.  Blocks.  Zero, or why it could not.
 */
int audit_export(const char *folder, const struct audit_range *range, FILE *file,
                 struct audit_sight *sight, struct error *error);

/* Looks through such a file, as audit_verify() does through the chain itself. */
int audit_verify_file(const char *path, uint64_t entry, const char *head, struct audit_sight *sight,
                      struct error *error);

/* Which entries are wanted; what is NULL or zero leaves none out. */
struct audit_filter {
    const char *remediation, *step;
    int64_t since_ms; /* of the clock on the wall */
};

enum { AUDIT_MOST_LISTED = 1000 };

/* One entry: its line of JSON, and what of it people read first. */
struct audit_entry {
    uint64_t entry;
    const char *line;
    const json_t *json;
};

/*
 * Calls `fn` for the newest AUDIT_MOST_LISTED entries that fit, the oldest first.  Blocks.  How many were left
 * out, or below zero why it could not look.
 */
typedef void audit_entry_fn(const struct audit_entry *entry, void *data);
int64_t audit_list(const char *folder, const struct audit_filter *filter, audit_entry_fn *fn,
                   void *data, struct error *error);

#endif
