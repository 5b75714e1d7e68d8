/*
 * slowlog - which commands kept the server from everything else since the last run.
 *
 * Ids only grow, also when the log is emptied or too short, so how many came is exact; which they
 * were is known of the last ones.  Arguments are other people's data: they are counted, and shown
 * only where the operator asks for it.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "redis.h"
#include "rows.h"

const struct probe_option slowlog_options[] = {
    {"arguments",
     PROBE_BOOL_AT(struct slowlog_config, arguments),
     .fallback = "false",
     .help = "show commands whole: keys and values of your users go into the events"},
    {0},
};

const struct probe_measure slowlog_measures[] = {
    {"count", "slow commands since the last run", .kind = PROBE_GAUGE},
    {"max_ms", "how long the longest of them took", .kind = PROBE_GAUGE},
    {0},
};

enum { RECENT_S = 300 }; /* on the first run: what is older is history */

static const char pages[] = "32";

/* ------------------------------------------------------------- entries ---- */

/* [id, when, us, [words], client, its name] */
static bool fits(const redisReply *entry)
{
    return entry->type == REDIS_REPLY_ARRAY && entry->elements >= 4 &&
           entry->element[0]->type == REDIS_REPLY_INTEGER &&
           entry->element[1]->type == REDIS_REPLY_INTEGER &&
           entry->element[2]->type == REDIS_REPLY_INTEGER &&
           entry->element[3]->type == REDIS_REPLY_ARRAY && entry->element[3]->elements > 0;
}

/* A command's name as it may be shown; what cannot be one is somebody's data. */
static void write_name(const redisReply *word, char *out, size_t room)
{
    size_t at = 0;
    const char *text = talk_is_text(word) ? word->str : "";
    for (; text[at] && at + 1 < room; at++) {
        if (!isalnum((unsigned char)text[at]) && !strchr("._-", text[at]))
            break;
        out[at] = (char)toupper((unsigned char)text[at]);
    }
    out[at] = '\0';
    if (text[at] || at == 0)
        (void)snprintf(out, room, "?");
}

/* "CONFIG SET", and how many words follow. */
static size_t write_command(const redisReply *words, char *out, size_t room)
{
    char name[32], second[32];
    write_name(words->element[0], name, sizeof(name));
    if (words->elements > 1 && command_has_parts(name)) {
        write_name(words->element[1], second, sizeof(second));
        (void)snprintf(out, room, "%s %s", name, second);
        return words->elements - 2;
    }
    (void)snprintf(out, room, "%s", name);
    return words->elements - 1;
}

/* All words as they were, where the operator wants to see them. */
static void write_whole(const redisReply *words, char *out, size_t room)
{
    size_t at = 0;
    for (size_t i = 0; i < words->elements && at + 1 < room; i++) {
        const redisReply *word = words->element[i];
        int len = snprintf(
            out + at, room - at, "%s%.60s", i > 0 ? " " : "", talk_is_text(word) ? word->str : "?");
        at += len > 0 ? (size_t)len : 0;
    }
}

static const struct probe_column entry_columns[] = {{"at", PROBE_FIELD_TIME},
                                                    {"ms", PROBE_FIELD_REAL},
                                                    {"command", PROBE_FIELD_TEXT},
                                                    {"arguments", PROBE_FIELD_INT},
                                                    {"client", PROBE_FIELD_TEXT}};

static void add_entry(struct probe_run *run, struct rows *rows, const redisReply *entry)
{
    const struct slowlog_config *config = run->config;
    const redisReply *words = entry->element[3];
    char command[ROWS_CELL];
    size_t arguments = write_command(words, command, sizeof(command));
    if (!rows_begin(rows))
        return;
    if (config->arguments)
        write_whole(words, command, sizeof(command));
    rows_cell(rows, "%lld", entry->element[1]->integer * 1000);
    rows_cell(rows, "%.3f", (double)entry->element[2]->integer / 1000.0);
    rows_cell(rows, "%s", command);
    rows_cell(rows, "%zu", arguments);
    if (entry->elements > 5 && talk_is_text(entry->element[5]) && entry->element[5]->len > 0)
        rows_cell(rows, "%.100s", entry->element[5]->str);
    else if (entry->elements > 4 && talk_is_text(entry->element[4]))
        rows_cell(rows, "%.100s", entry->element[4]->str);
    else
        rows_null(rows);
}

/* -------------------------------------------------------------- finding ---- */

/* The newest id that an earlier run saw; -1: none did, or the server began anew. */
static int64_t last_seen(struct probe_run *run, int64_t newest)
{
    const char *text = probe_recall(&run->life, "id");
    int64_t seen = text ? strtoll(text, NULL, 10) : -1;
    return seen > newest ? -1 : seen;
}

static void remember(struct probe_run *run, int64_t newest)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRId64, newest);
    probe_remember(&run->life, "id", text);
}

static bool is_new(struct probe_run *run, const redisReply *entry, int64_t seen)
{
    if (seen >= 0)
        return entry->element[0]->integer > seen;
    return entry->element[1]->integer >= probe_wall(&run->life) / 1000 - RECENT_S;
}

static void report(struct probe_run *run, int64_t count, int64_t longest_us, struct rows *rows)
{
    struct probe_table table;
    struct probe_field fields[5];
    struct probe_field *field = fields;
    char summary[96];
    *field++ = probe_int("count", count);
    *field++ = probe_real("max_ms", (double)longest_us / 1000.0);
    if (rows->total > 0)
        *field++ = rows_field(rows, "slow", &table);
    *field = (struct probe_field){0};
    if (count == 0)
        (void)snprintf(summary, sizeof(summary), "no slow command since the last run");
    else
        (void)snprintf(summary,
                       sizeof(summary),
                       "%" PRId64 " slow %s since the last run, the longest took %.0f ms",
                       count,
                       count == 1 ? "command" : "commands",
                       (double)longest_us / 1000.0);
    probe_report(run,
                 .summary = summary,
                 .hint = count > 0 ? "while one of these runs, nobody else is served" : NULL,
                 .fields = fields);
    probe_done(run);
}

static void on_entries(struct probe_run *run, const redisReply *reply)
{
    int64_t newest = -1, seen, count = 0, longest = 0;
    struct rows rows;
    ROWS_INIT(&rows, entry_columns);
    if (reply->type != REDIS_REPLY_ARRAY) {
        probe_fail(run, -EPROTO, "SLOWLOG does not say what it should");
        return;
    }
    if (reply->elements > 0 && fits(reply->element[0]))
        newest = reply->element[0]->element[0]->integer;
    seen = newest >= 0 ? last_seen(run, newest) : -1;
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *entry = reply->element[i];
        if (!fits(entry) || !is_new(run, entry, seen))
            continue;
        count++;
        if (entry->element[2]->integer > longest)
            longest = entry->element[2]->integer;
        add_entry(run, &rows, entry);
    }
    if (seen >= 0)
        count = newest - seen; /* also those that the log has dropped */
    if (newest >= 0)
        remember(run, newest);
    report(run, count, longest, &rows);
}

void slowlog_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    talk_ask(server_checks(run), run, on_entries, WORDS("SLOWLOG", "GET", pages));
}
