/*
 * config_drift - settings that are not as the operator expects them, or that somebody changed while
 * the server ran: those are lost, or come as a surprise, when it starts again.
 *
 * What was in force when this server was first seen is remembered as a hash of each setting, not as
 * text.  Passwords are not even hashed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "payload.h"
#include "redis.h"
#include "rows.h"

const struct probe_option drift_options[] = {
    {"expect",
     PROBE_PAIRS_AT(struct drift_config, expect),
     .fallback = "{}",
     .help = "settings and their values, as CONFIG GET writes them: {appendonly: \"yes\"}"},
    {"ignore",
     PROBE_LIST_AT(struct drift_config, ignore),
     .fallback = "[]",
     .help = "settings that may change"},
    {"baseline",
     PROBE_STRING_AT(struct drift_config, baseline),
     .fallback = "",
     .help = "any word; another one takes the settings as they are now for right"},
    {0},
};

const struct probe_measure drift_measures[] = {
    {"unexpected", "settings that are not as `expect` says", .kind = PROBE_GAUGE},
    {"changed",
     "settings that were changed since this start of the server was first seen",
     .kind = PROBE_GAUGE},
    {0},
};

enum { MARK = 12, MOST_MARKS = 330 }; /* of one setting; what fits in 4 KiB of memory */

/* ------------------------------------------------------------ settings ---- */

static bool is_secret(const char *name)
{
    return strstr(name, "pass") || strstr(name, "auth") || strstr(name, "secret");
}

static unsigned hash(const char *text)
{
    return (unsigned)(payload_mark(0, text, strlen(text)) >> 40);
}

static void write_mark(const redisReply *name, const redisReply *value, char out[MARK + 1])
{
    (void)snprintf(out, MARK + 1, "%06x%06x", hash(name->str), hash(value->str));
}

/* Whether a setting had another value; one that is not in there is new, and no change. */
static bool differs(const char *marks, const char mark[MARK + 1])
{
    for (size_t len = strlen(marks); len >= MARK; marks += MARK, len -= MARK)
        if (strncmp(marks, mark, MARK / 2) == 0)
            return strncmp(marks, mark, MARK) != 0;
    return false;
}

/* Settings that move by themselves: what replication and the operator's tools write. */
static bool watched(const struct drift_config *config, const char *name)
{
    static const char *const moving[] = {"replicaof", "slaveof", NULL};
    return !is_secret(name) && !words_have(moving, name) && !words_have(config->ignore, name);
}

/* ------------------------------------------------------------ baseline ---- */

/* The baseline holds for one start of the server, and one word of the operator's. */
static const char *baseline_of(struct probe_run *run)
{
    const struct drift_config *config = run->config;
    const struct drift_run *state = run->data;
    const char *server = probe_recall(&run->life, "server");
    char now[128];
    (void)snprintf(
        now, sizeof(now), "%s %.60s", state->server, config->baseline ? config->baseline : "");
    if (server && strcmp(server, now) == 0)
        return probe_recall(&run->life, "settings");
    probe_remember(&run->life, "server", now);
    return NULL;
}

static void remember(struct probe_run *run, const redisReply *settings)
{
    char marks[MARK * MOST_MARKS + 1] = "";
    size_t count = 0;
    for (size_t i = 0; i + 1 < settings->elements && count < MOST_MARKS; i += 2)
        if (watched(run->config, settings->element[i]->str))
            write_mark(settings->element[i], settings->element[i + 1], marks + MARK * count++);
    probe_remember(&run->life, "settings", marks);
}

/* -------------------------------------------------------------- finding ---- */

static const struct probe_column drift_columns[] = {
    {"setting", PROBE_FIELD_TEXT}, {"value", PROBE_FIELD_TEXT}, {"expected", PROBE_FIELD_TEXT}};

static void add_row(struct rows *rows, const char *name, const char *value, const char *expected)
{
    if (!rows_begin(rows))
        return;
    rows_cell(rows, "%s", name);
    rows_cell(rows, "%s", is_secret(name) ? "(hidden)" : value);
    if (expected)
        rows_cell(rows, "%s", is_secret(name) ? "(hidden)" : expected);
    else
        rows_null(rows);
}

static const char *value_of(const redisReply *settings, const char *name)
{
    for (size_t i = 0; i + 1 < settings->elements; i += 2)
        if (strcmp(settings->element[i]->str, name) == 0)
            return settings->element[i + 1]->str;
    return NULL;
}

static int64_t compare(struct probe_run *run, const redisReply *settings, struct rows *rows)
{
    const struct drift_config *config = run->config;
    int64_t count = 0;
    for (const struct probe_pair *pair = config->expect; pair->name; pair++) {
        const char *value = value_of(settings, pair->name);
        const char *wanted = pair->secret ? probe_reveal(&run->life, pair->secret) : pair->value;
        if (value && wanted && strcmp(value, wanted) == 0)
            continue;
        count++;
        add_row(rows, pair->name, value ? value : "(no such setting)", wanted ? wanted : "");
    }
    return count;
}

static int64_t find_changes(struct probe_run *run, const redisReply *settings, struct rows *rows)
{
    const char *marks = baseline_of(run);
    char mark[MARK + 1];
    int64_t count = 0;
    if (!marks) {
        remember(run, settings);
        return 0;
    }
    for (size_t i = 0; i + 1 < settings->elements; i += 2) {
        write_mark(settings->element[i], settings->element[i + 1], mark);
        if (!watched(run->config, settings->element[i]->str) || !differs(marks, mark))
            continue;
        count++;
        add_row(rows, settings->element[i]->str, settings->element[i + 1]->str, NULL);
    }
    return count;
}

static bool are_settings(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0)
        return false;
    for (size_t i = 0; i < reply->elements; i++)
        if (!talk_is_text(reply->element[i]))
            return false;
    return true;
}

static void on_settings(struct probe_run *run, const redisReply *reply)
{
    struct rows rows;
    struct probe_table table;
    struct probe_field fields[4];
    struct probe_field *field = fields;
    char summary[128];
    if (!are_settings(reply)) {
        probe_fail(run, -EPROTO, "CONFIG GET does not say what it should");
        return;
    }
    ROWS_INIT(&rows, drift_columns);
    int64_t unexpected = compare(run, reply, &rows), changed = find_changes(run, reply, &rows);
    *field++ = probe_int("unexpected", unexpected);
    *field++ = probe_int("changed", changed);
    if (rows.total > 0)
        *field++ = rows_field(&rows, "settings", &table);
    *field = (struct probe_field){0};
    (void)snprintf(summary,
                   sizeof(summary),
                   "%" PRId64 " settings are not as expected, %" PRId64
                   " were changed since we know this server",
                   unexpected,
                   changed);
    probe_report(run,
                 .summary = summary,
                 .hint = changed > 0 ? "write them into its configuration (CONFIG REWRITE), then "
                                       "give the option `baseline` another word"
                                     : NULL,
                 .fields = fields);
    probe_done(run);
}

static void on_info(struct probe_run *run, const redisReply *reply)
{
    struct drift_run *state = run->data;
    if (reply->type != REDIS_REPLY_STRING ||
        !info_word(reply->str, "run_id", state->server, sizeof(state->server))) {
        numbers_refuse(run);
        return;
    }
    talk_ask(server_checks(run), run, on_settings, WORDS("CONFIG", "GET", "*"));
}

void drift_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    talk_ask(server_checks(run), run, on_info, WORDS("INFO"));
}
