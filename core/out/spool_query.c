/*
 * spool_query - statements of the spool's database.
 *
 * Layer: out.  Part of out/spool.
 */
#include "out/spool_parts.h"

struct spool_query spool_query(sqlite3 *db, const char *sql)
{
    struct spool_query query = {0};
    query.status = store_status(sqlite3_prepare_v2(db, sql, -1, &query.statement, NULL));
    return query;
}

void spool_bind_text(struct spool_query *query, int at, const char *text)
{
    if (query->statement)
        (void)sqlite3_bind_text(query->statement, at, text, -1, SQLITE_STATIC);
}

void spool_bind_int(struct spool_query *query, int at, uint64_t value)
{
    if (query->statement)
        (void)sqlite3_bind_int64(query->statement, at, (sqlite3_int64)value);
}

void spool_bind_blob(struct spool_query *query, int at, const char *bytes, size_t len)
{
    if (query->statement)
        (void)sqlite3_bind_blob64(query->statement, at, bytes, len, SQLITE_STATIC);
}

/* Whether there is a row. */
bool spool_step(struct spool_query *query)
{
    if (query->status < 0)
        return false;
    int code = sqlite3_step(query->statement);
    query->status = store_status(code);
    return code == SQLITE_ROW;
}

uint64_t spool_number(struct spool_query *query, int column)
{
    return (uint64_t)sqlite3_column_int64(query->statement, column);
}

int spool_finish(struct spool_query *query)
{
    (void)sqlite3_finalize(query->statement);
    return query->status;
}
