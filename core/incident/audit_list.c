/*
 * audit_list - entries of the audit that somebody wants to see.
 *
 * Layer: incident.  Part of incident/audit.
 */
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "incident/audit.h"

/* What fits so far, the newest first. */
struct found {
    uint64_t entries[AUDIT_MOST_LISTED];
    char *lines[AUDIT_MOST_LISTED];
    size_t count;
    int64_t left_out;
};

static bool is(const json_t *json, const char *name, const char *wanted)
{
    const char *word = json_string_value(json_object_get(json, name));
    return !wanted || (word && strcmp(word, wanted) == 0);
}

/* Times are of one form and length, in UTC: their letters sort as they do. */
static bool fits(const json_t *json, const struct audit_filter *filter)
{
    char since[UNITS_TIME_LEN];
    const char *time = json_string_value(json_object_get(json, "time"));
    units_print_time(filter->since_ms, since);
    return is(json, "remediation", filter->remediation) && is(json, "step", filter->step) &&
           (!filter->since_ms || (time && strcmp(time, since) >= 0));
}

static void take(struct found *found, const struct audit_filter *filter, uint64_t entry,
                 const char *line)
{
    json_t *json = json_loads(line, 0, NULL);
    bool wanted = fits(json, filter);
    json_decref(json);
    if (!wanted)
        return;
    if (found->count == AUDIT_MOST_LISTED) {
        found->left_out++;
        return;
    }
    found->entries[found->count] = entry;
    found->lines[found->count++] = mem_copy(line);
}

static int walk(sqlite3 *db, const struct audit_filter *filter, struct found *found)
{
    sqlite3_stmt *statement = NULL;
    int step = SQLITE_DONE, code = sqlite3_prepare_v2(db,
                                                      "select entry, line from audit order by "
                                                      "entry desc",
                                                      -1,
                                                      &statement,
                                                      NULL);
    while (code == SQLITE_OK && (step = sqlite3_step(statement)) == SQLITE_ROW)
        take(found,
             filter,
             (uint64_t)sqlite3_column_int64(statement, 0),
             (const char *)sqlite3_column_text(statement, 1));
    (void)sqlite3_finalize(statement);
    return store_status(code == SQLITE_OK ? step : code);
}

static void hand_out(struct found *found, audit_entry_fn *fn, void *data)
{
    while (found->count) {
        size_t at = --found->count;
        json_t *json = json_loads(found->lines[at], 0, NULL);
        const struct audit_entry entry = {found->entries[at], found->lines[at], json};
        if (fn)
            fn(&entry, data);
        json_decref(json);
        free(found->lines[at]);
    }
}

int64_t audit_list(const char *folder, const struct audit_filter *filter, audit_entry_fn *fn,
                   void *data, struct error *error)
{
    MEM_AUTO char *path = mem_print("%s/state.db", folder);
    struct found *found MEM_AUTO = mem_new(sizeof(*found));
    sqlite3 *db = NULL;
    int status = store_status(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL));
    if (status == 0) {
        (void)sqlite3_busy_timeout(db, 2000);
        status = walk(db, filter, found);
    }
    if (status < 0)
        (void)error_set(error, status, "cannot read the audit in %s: %s", path, sqlite3_errmsg(db));
    (void)sqlite3_close(db);
    hand_out(found, status < 0 ? NULL : fn, data);
    return status < 0 ? status : found->left_out;
}
