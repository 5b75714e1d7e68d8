/*
 * keep_parts - what the files of probe/keep share.
 *
 *     keep.c         what goes in and comes out, and when
 *     keep_rows.c    the tables: rows read, batches of rows written
 *     keep_config.c  the last good configuration
 *
 * Layer: probe.  Only for keep*.c.
 */
#ifndef PROBE_KEEP_PARTS_H
#define PROBE_KEEP_PARTS_H

#include "base/list.h"
#include "io/store.h"
#include "probe/keep.h"

enum { KEEP_MOST_ROWS = 2000, KEEP_MOST_NOTES = 256 /* owners of notes, of one batch */ };

extern const char keep_schema[];

/* A subject as it was kept. */
struct keep_row {
    struct list link;
    uint64_t id;
    char *target, *name, *subject, *check;
    bool of_node; /* its scope: an event's id depends on it */
    int64_t written_ms;
    struct text standing, counters;
    struct ledger_streak streak; /* as it was read */
    int64_t streak_written_ms;
};

/* The notes of a target, or of one of its checks. */
struct keep_notes {
    struct list link;
    char *target, *name; /* of the target itself: "" */
    struct notes notes;
};

/* Reads all; zero, or -errno. */
int keep_read(struct store *store, struct list *rows, struct list *notes, uint64_t *ret_last_id);
void keep_row_destroy(struct keep_row *row);
void keep_notes_destroy(struct keep_notes *notes);

/* What is written in one transaction.  Made and freed on the loop thread. */
struct keep_batch {
    struct keep *keep;
    struct list rows, notes;
    struct text streaks;
    int64_t written_ms;
    bool whole; /* these are all streaks that there are */
    uint64_t ended[KEEP_MOST_ROWS];
    size_t row_count, ended_count, note_count;
};

/* For store_do(): `data` is a batch. */
int keep_write(sqlite3 *db, void *data);

void keep_batch_init(struct keep_batch *batch);
void keep_batch_finish(struct keep_batch *batch);

/* Has `config` written as the last good one; later, what becomes of it is in the log. */
void keep_send_config(struct store *store, const char *folder, const struct config *config);

#endif
