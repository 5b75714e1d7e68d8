/*
 * spool_parts - what the files of out/spool share.
 *
 *     spool.c        blocks that wait
 *     spool_aside.c  what receivers have refused
 *     spool_query.c  statements
 *
 * Layer: out.  Only for spool*.c.
 */
#ifndef OUT_SPOOL_PARTS_H
#define OUT_SPOOL_PARTS_H

#include <sqlite3.h>

#include "io/store.h"
#include "out/spool.h"

struct spool {
    struct store *store;
    uint64_t last_id;
    struct spool_aside_sums *aside; /* as of the last change; NULL: not known */
};

/* A statement; `status` says whether it could be made, and how its last step went. */
struct spool_query {
    sqlite3_stmt *statement;
    int status;
};

struct spool_query spool_query(sqlite3 *db, const char *sql);
void spool_bind_text(struct spool_query *query, int at, const char *text);
void spool_bind_int(struct spool_query *query, int at, uint64_t value);
void spool_bind_blob(struct spool_query *query, int at, const char *bytes, size_t len);
bool spool_step(struct spool_query *query); /* whether there is a row */
uint64_t spool_number(struct spool_query *query, int column);
int spool_finish(struct spool_query *query);

/* Reads what lies aside, for the start: blocks. */
void spool_aside_begin(struct spool *spool);
void spool_aside_end(struct spool *spool);

#endif
