/*
 * audit_export - a part of the audit as a file that can be verified by itself, and such a file verified.
 *
 * The file has the chain's lines as they are, one a line of its own: the SHA-256 of each stands in the next one
 * as `previous_hash`.  A last line, {"audit_export": 1, "first": ..., "last": ..., "head": ...}, has the hash of the
 * last of them, which an event and every heartbeat had as well: whoever has stored these is the witness.
 *
 * Layer: incident.  Part of incident/audit.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/mem.h"
#include "base/units.h"
#include "incident/audit_parts.h"
#include "io/digest.h"

enum { LONGEST_LINE = 64 * 1024 };

/* ---------------------------------------------------------------- writing ---- */

struct writing {
    struct audit_look look;
    char since[UNITS_TIME_LEN], until[UNITS_TIME_LEN];
    bool from_first, to_last; /* no bound on that side */
    FILE *file;
    bool begun, over;
};

/* Times are of one form and length, in UTC.  From the first that is late enough on nothing is left out. */
static bool is_wanted(struct writing *writing, const char *line)
{
    json_t *json = json_loads(line, 0, NULL);
    const char *word = json_string_value(json_object_get(json, "time")), *time = word ? word : "";
    writing->begun = writing->begun || writing->from_first || strcmp(time, writing->since) >= 0;
    writing->over =
        writing->over || (writing->begun && !writing->to_last && strcmp(time, writing->until) >= 0);
    json_decref(json);
    return writing->begun && !writing->over;
}

static bool export_line(uint64_t entry, const char *line, const char *hash, void *data)
{
    struct writing *writing = data;
    if (!is_wanted(writing, line))
        return !writing->over;
    if (!audit_look_take(&writing->look, entry, line, hash))
        return false;
    (void)fprintf(writing->file, "%s\n", line);
    return !ferror(writing->file);
}

static void write_end(struct writing *writing, int64_t now_ms)
{
    const struct audit_sight *sight = writing->look.sight;
    char now[UNITS_TIME_LEN];
    units_print_time(now_ms, now);
    (void)fprintf(writing->file,
                  "{\"audit_export\":1,\"first\":%" PRIu64 ",\"last\":%" PRIu64
                  ",\"head\":\"%s\",\"time\":\"%s\"}\n",
                  sight->first,
                  sight->last,
                  sight->head,
                  now);
}

int audit_export(const char *folder, const struct audit_range *range, FILE *file,
                 struct audit_sight *sight, struct error *error)
{
    struct writing writing = {.look = {.sight = sight},
                              .from_first = range->since_ms == 0,
                              .to_last = range->until_ms == 0,
                              .file = file};
    *sight = (struct audit_sight){0};
    units_print_time(range->since_ms, writing.since);
    units_print_time(range->until_ms, writing.until);
    int status = audit_walk(folder, export_line, &writing, error);
    if (status == 0 && sight->last)
        write_end(&writing, range->now_ms);
    if (status == 0 && (fflush(file) != 0 || ferror(file)))
        status = error_set(error, errno ? -errno : -EIO, "cannot write it: %s", strerror(errno));
    return status;
}

/* -------------------------------------------------------------- verifying ---- */

/* Whether the last line says what was found before it. */
static bool end_fits(struct audit_sight *sight, const json_t *end)
{
    const char *head = json_string_value(json_object_get(end, "head"));
    if (json_integer_value(json_object_get(end, "last")) != (json_int_t)sight->last)
        return audit_wrong(
            sight, sight->last + 1, "the file's end tells of more entries, or fewer");
    if (json_integer_value(json_object_get(end, "first")) != (json_int_t)sight->first)
        return audit_wrong(sight, sight->first, "the file's end tells of another beginning");
    return (head && strcmp(head, sight->head) == 0) ||
           audit_wrong(sight, sight->last, "its line was changed: it is not the file's head");
}

/* A line of a file; what it says of itself is its entry, what others say of it stands in the next one. */
static bool take_line(struct audit_look *look, const char *line, bool *ended)
{
    json_t *json = json_loads(line, 0, NULL);
    uint64_t entry = (uint64_t)json_integer_value(json_object_get(json, "entry"));
    struct text TEXT_AUTO text;
    char hash[AUDIT_HASH_LEN + 1];
    bool fits;
    text_init(&text, LONGEST_LINE);
    text_add(&text, line);
    digest_text(&text, AUDIT_HASH_LEN, hash);
    if (*ended)
        fits = audit_wrong(look->sight, look->sight->last + 1, "something follows the file's end");
    else if ((*ended = json_object_get(json, "audit_export") != NULL))
        fits = end_fits(look->sight, json);
    else
        fits = audit_look_take(look, entry, line, hash);
    json_decref(json);
    return fits;
}

int audit_verify_file(const char *path, uint64_t entry, const char *head, struct audit_sight *sight,
                      struct error *error)
{
    struct audit_look look = {entry, head, sight};
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t len = 0;
    bool fits = true, ended = false;
    *sight = (struct audit_sight){0};
    if (!file)
        return error_set(error, -errno, "cannot read %s: %s", path, strerror(errno));
    while (fits && (len = getline(&line, &room, file)) > 0 && len < LONGEST_LINE) {
        line[len - (line[len - 1] == '\n')] = '\0';
        fits = take_line(&look, line, &ended);
    }
    int status = ferror(file) ? error_set(error, -EIO, "cannot read %s", path) : 0;
    if (status == 0 && fits && !ended)
        (void)audit_wrong(
            sight, sight->last + 1, "the file has no end: it is cut off, or no export");
    if (status == 0 && !sight->wrong && entry > sight->last)
        (void)audit_wrong(sight, sight->last + 1, "a witness has seen entry %" PRIu64, entry);
    (void)fclose(file);
    free(line);
    return status;
}
