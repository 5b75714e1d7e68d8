/*
 * audit_verify - a look through the chain of hashes, by whoever may read the state.
 *
 * Layer: incident.  Part of incident/audit.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "incident/audit_parts.h"
#include "io/digest.h"

bool audit_wrong(struct audit_sight *sight, uint64_t entry, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    sight->wrong = entry;
    (void)vsnprintf(sight->why, sizeof(sight->why), fmt, args);
    va_end(args);
    return false;
}

/* Whether the line says of itself what the chain says. */
static bool line_fits(struct audit_sight *sight, uint64_t entry, const char *line)
{
    json_t *json = json_loads(line, 0, NULL);
    const char *previous = json_string_value(json_object_get(json, "previous_hash"));
    bool own = json_integer_value(json_object_get(json, "entry")) == (json_int_t)entry;
    bool follows = !sight->last || (previous && strcmp(previous, sight->head) == 0);
    json_decref(json);
    if (!own)
        return audit_wrong(sight, entry, "its line is that of another entry");
    return follows || audit_wrong(sight, entry, "it does not follow the entry before");
}

bool audit_look_take(const struct audit_look *look, uint64_t entry, const char *line,
                     const char *hash)
{
    struct audit_sight *sight = look->sight;
    struct text TEXT_AUTO text;
    char computed[AUDIT_HASH_LEN + 1];
    text_init(&text, 1 << 20);
    text_add(&text, line);
    digest_text(&text, AUDIT_HASH_LEN, computed);
    if (strcmp(computed, hash) != 0)
        return audit_wrong(sight, entry, "its line was changed: it does not have that hash");
    if (sight->last && entry != sight->last + 1)
        return audit_wrong(sight, sight->last + 1, "it is missing");
    if (!line_fits(sight, entry, line))
        return false;
    if (!sight->first)
        sight->first = entry;
    sight->last = entry;
    (void)snprintf(sight->head, sizeof(sight->head), "%s", hash);
    if (look->entry == entry && look->head && strncmp(hash, look->head, strlen(look->head)) == 0)
        sight->witnessed = true;
    else if (look->entry == entry && look->head)
        return audit_wrong(sight, entry, "the witness has seen another one in its place");
    return true;
}

static int walk(sqlite3 *db, audit_walk_fn *fn, void *data)
{
    sqlite3_stmt *statement = NULL;
    int step = SQLITE_DONE,
        code = sqlite3_prepare_v2(
            db, "select entry, line, hash from audit order by entry", -1, &statement, NULL);
    while (code == SQLITE_OK && (step = sqlite3_step(statement)) == SQLITE_ROW)
        if (!fn((uint64_t)sqlite3_column_int64(statement, 0),
                (const char *)sqlite3_column_text(statement, 1),
                (const char *)sqlite3_column_text(statement, 2),
                data))
            break;
    (void)sqlite3_finalize(statement);
    return code == SQLITE_OK && (step == SQLITE_DONE || step == SQLITE_ROW)
               ? 0
               : store_status(code == SQLITE_OK ? step : code);
}

int audit_walk(const char *folder, audit_walk_fn *fn, void *data, struct error *error)
{
    MEM_AUTO char *path = mem_print("%s/state.db", folder);
    sqlite3 *db = NULL;
    int status = store_status(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL));
    if (status == 0) {
        (void)sqlite3_busy_timeout(db, 2000);
        status = walk(db, fn, data);
    }
    if (status < 0)
        (void)error_set(error, status, "cannot read the audit in %s: %s", path, sqlite3_errmsg(db));
    (void)sqlite3_close(db);
    return status;
}

static bool take(uint64_t entry, const char *line, const char *hash, void *data)
{
    return audit_look_take(data, entry, line, hash);
}

int audit_verify(const char *folder, uint64_t entry, const char *head, struct audit_sight *sight,
                 struct error *error)
{
    struct audit_look look = {entry, head, sight};
    *sight = (struct audit_sight){0};
    int status = audit_walk(folder, take, &look, error);
    if (status == 0 && !sight->wrong && entry > sight->last)
        (void)audit_wrong(
            sight, sight->last + 1, "the end is cut off: a witness has seen entry %" PRIu64, entry);
    return status;
}
