/*
 * persistence - whether what is in the server would be there after a restart: how old the last save
 * is, how it ended, and the append-only file.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "redis.h"

static const char *const save_words[] = {"ok", "failed", NULL};
static const char *const aof_words[] = {"off", "ok", "failed", NULL};
static const char *const schedule_words[] = {"points", "none", NULL};

const struct probe_measure persistence_measures[] = {
    {"last_save_age_seconds", "since the last good save", .kind = PROBE_GAUGE},
    {"unsaved", "changes since then", .kind = PROBE_GAUGE},
    {"rdb", "how the last save ended", .kind = PROBE_WORD, .words = save_words},
    {"aof", "the append-only file", .kind = PROBE_WORD, .words = aof_words},
    {"loading", "whether the server reads its data", .kind = PROBE_FLAG},
    {"saving_seconds",
     "how long the present save has taken",
     .kind = PROBE_GAUGE,
     .optional = true},
    {"schedule",
     "whether there are save points; absent without +config|get",
     .kind = PROBE_WORD,
     .optional = true,
     .words = schedule_words},
    {0},
};

/* By the server's clock where it tells it, as ours may differ. */
static int64_t save_age(struct probe_run *run, const char *info)
{
    int64_t now = info_int(info, "server_time_usec", probe_wall(&run->life) * 1000) / 1000000;
    int64_t age = now - info_int(info, "rdb_last_save_time", now);
    return age > 0 ? age : 0;
}

static const char *aof_word(const char *info)
{
    if (info_int(info, "aof_enabled", 0) == 0)
        return "off";
    return info_says(info, "aof_last_write_status", "err") ||
                   info_says(info, "aof_last_bgrewrite_status", "err")
               ? "failed"
               : "ok";
}

static void summarise_persistence(const char *info, const char *rdb, const char *aof,
                                  const char *schedule, int64_t age, char *out, size_t room)
{
    if (info_int(info, "loading", 0) == 1)
        (void)snprintf(out, room, "the server reads its data");
    else if (strcmp(rdb, "failed") == 0)
        (void)snprintf(out, room, "the last save failed; the one before is %" PRId64 " s old", age);
    else if (strcmp(aof, "failed") == 0)
        (void)snprintf(out, room, "the append-only file cannot be written");
    else if (schedule && strcmp(schedule, "none") == 0 && strcmp(aof, "off") == 0)
        (void)snprintf(out, room, "nothing is saved: a restart loses everything");
    else
        (void)snprintf(out,
                       room,
                       "saved %" PRId64 " s ago, %" PRId64 " changes since; the AOF is %s",
                       age,
                       info_int(info, "rdb_changes_since_last_save", 0),
                       aof);
}

static void report_persistence(struct probe_run *run, const char *schedule, const char *hint)
{
    const struct persistence_run *state = run->data;
    const char *info = state->info, *aof = aof_word(info);
    const char *rdb = info_says(info, "rdb_last_bgsave_status", "err") ? "failed" : "ok";
    int64_t age = save_age(run, info), saving = info_int(info, "rdb_current_bgsave_time_sec", -1);
    struct probe_field fields[10];
    struct probe_field *field = fields;
    char summary[160];
    bool failed = strcmp(rdb, "failed") == 0 || strcmp(aof, "failed") == 0;
    *field++ = probe_int("last_save_age_seconds", age);
    *field++ = probe_int("unsaved", info_int(info, "rdb_changes_since_last_save", 0));
    *field++ = probe_text("rdb", rdb);
    *field++ = probe_text("aof", aof);
    *field++ = probe_bool("loading", info_int(info, "loading", 0) == 1);
    if (saving >= 0)
        *field++ = probe_int("saving_seconds", saving);
    if (schedule)
        *field++ = probe_text("schedule", schedule);
    *field++ = probe_real("fork_ms", (double)info_int(info, "latest_fork_usec", 0) / 1000.0);
    *field = (struct probe_field){0};
    summarise_persistence(info, rdb, aof, schedule, age, summary, sizeof(summary));
    probe_report(run,
                 .summary = summary,
                 .hint =
                     failed ? "look at the disk and at the server's log; BGSAVE tries again" : hint,
                 .fields = fields);
    probe_done(run);
}

/* ["save", "3600 1 300 100"]; where CONFIG is not permitted the save points stay unknown. */
static void on_save_points(struct probe_run *run, const redisReply *reply)
{
    struct error_text text = {0};
    const char *schedule = NULL;
    if (reply->type == REDIS_REPLY_ERROR)
        (void)talk_explain(server_checks(run), reply->str, &text);
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_STRING)
        schedule = reply->element[1]->len > 0 ? "points" : "none";
    report_persistence(run, schedule, text.hint[0] ? text.hint : NULL);
}

static void on_persistence(struct probe_run *run, const redisReply *reply)
{
    struct persistence_run *state = run->data;
    if (!numbers_has(run, reply, "rdb_last_bgsave_status"))
        return;
    state->info = strdup(reply->str);
    talk_try(server_checks(run), run, on_save_points, WORDS("CONFIG", "GET", "save"));
}

void persistence_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    numbers_ask(run, on_persistence);
}

void persistence_ended(struct probe_target *self, struct probe_run *run)
{
    struct persistence_run *state = run->data;
    free(state->info);
    server_check_ended(self, run);
}
