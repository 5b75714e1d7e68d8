/*
 * actions - quarantine_queue: sets a queue aside under another name, where workers do not see it,
 * and lets it expire there; until then it can be taken back.
 *
 * Renaming is atomic and costs the same for a million entries; DEL would block the server, and
 * nothing could be taken back.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "redis.h"

const struct probe_option quarantine_options[] = {
    {"key", PROBE_STRING_AT(struct quarantine_config, key), .help = "the queue to set aside"},
    {"keep",
     PROBE_DURATION_AT(struct quarantine_config, keep_ms),
     .fallback = "7d",
     .min = 60000,
     .max = 365LL * 86400000,
     .help = "how long it can be taken back"},
    {0},
};

/* KEYS: from, to.  ARGV: how long `to` lives in ms, or 0 for as long as it likes. */
static const char move[] = "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end "
                           "if redis.call('RENAMENX', KEYS[1], KEYS[2]) == 0 then return -1 end "
                           "if ARGV[1] == '0' then redis.call('PERSIST', KEYS[2]) "
                           "else redis.call('PEXPIRE', KEYS[2], ARGV[1]) end "
                           "return 1";

static const char back[] = "{\"back\":true}";

/* ---------------------------------------------------------------- plan ---- */

static void plan_nothing(struct probe_run *run, const char *note)
{
    probe_planned(run, .note = note);
}

static void on_counted(struct probe_run *run, const redisReply *reply)
{
    const struct quarantine_config *config = run->config;
    char what[400];
    if (reply->type != REDIS_REPLY_INTEGER) {
        probe_fail(run, -EPROTO, "the length of %.100s is no number", config->key);
        return;
    }
    (void)snprintf(what,
                   sizeof(what),
                   "rename %.150s to %.150s:quarantine, with %lld entries",
                   config->key,
                   config->key,
                   reply->integer);
    const struct probe_step step = {.key = config->key, .what = what, .count = reply->integer};
    probe_planned(run,
                  .steps = &step,
                  .step_count = 1,
                  .total = reply->integer,
                  .note = "the entries can be taken back until they expire");
}

static void on_type(struct probe_run *run, const redisReply *reply)
{
    const struct quarantine_config *config = run->config;
    const char *type = reply->str ? reply->str : "";
    const char *command = count_command(type);
    if (command)
        talk_ask(server_actions(run), run, on_counted, WORDS(command, config->key));
    else if (strcmp(type, "none") == 0)
        plan_nothing(run, "there is no such queue, or it is empty");
    else
        probe_fail(run, -EINVAL, "%.100s is a %.20s, which is no queue", config->key, type);
}

void quarantine_plan(struct probe_target *self, struct probe_run *run)
{
    const struct quarantine_config *config = run->config;
    (void)self;
    talk_ask(server_actions(run), run, on_type, WORDS("TYPE", config->key));
}

/* --------------------------------------------------------------- apply ---- */

static void move_queue(struct probe_run *run);

static void say_moved(struct probe_run *run, bool is_back)
{
    const struct quarantine_config *config = run->config;
    char what[400];
    (void)snprintf(
        what, sizeof(what), "rename %.150s:quarantine back to %.150s", config->key, config->key);
    const struct probe_step undo = {.key = config->key, .what = what, .json = back, .count = 1};
    probe_applied(run, .outcome = PROBE_APPLIED, .undo = is_back ? NULL : &undo);
}

static void on_moved(struct probe_run *run, const redisReply *reply)
{
    struct quarantine_run *state = run->data;
    bool error = reply->type == REDIS_REPLY_ERROR;
    if (error && errors_is(reply->str, "CROSSSLOT") && !state->tagged) {
        state->tagged = true;
        move_queue(run);
    } else if (error)
        talk_refused(server_actions(run), run, reply->str);
    else if (reply->type != REDIS_REPLY_INTEGER)
        probe_fail(run, -EPROTO, "the server does not say whether it was done");
    else if (reply->integer == 1)
        say_moved(run, state->back);
    else if (reply->integer == 0)
        probe_applied(run,
                      .outcome = PROBE_SKIPPED,
                      .summary = state->back ? "the quarantine is gone" : "the queue is gone");
    else
        probe_applied(run,
                      .outcome = PROBE_SKIPPED,
                      .summary = state->back ? "the queue is in use again; nothing was overwritten"
                                             : "an earlier quarantine is still there");
}

/* Both names of a cluster's queue must lie in one slot. */
static char *name_aside(const char *key, bool tagged)
{
    char *tag = tagged ? malloc(strlen(key) + 3) : NULL;
    if (!tag && tagged)
        abort(); /* out of memory */
    if (tag)
        (void)snprintf(tag, strlen(key) + 3, "{%s}", key);
    char *aside = key_join(tag ? tag : key, "quarantine");
    free(tag);
    return aside;
}

static void move_queue(struct probe_run *run)
{
    const struct quarantine_config *config = run->config;
    const struct quarantine_run *state = run->data;
    char *aside = name_aside(config->key, state->tagged), keep[24] = "0";
    const char *from = state->back ? aside : config->key, *to = state->back ? config->key : aside;
    if (!state->back)
        (void)snprintf(keep, sizeof(keep), "%" PRId64, config->keep_ms);
    talk_try(server_actions(run), run, on_moved, WORDS("EVAL", move, "2", from, to, keep));
    free(aside);
}

void quarantine_apply(struct probe_target *self, struct probe_run *run,
                      const struct probe_step *step)
{
    struct quarantine_run *state = run->data;
    (void)self;
    state->back = step->json && strcmp(step->json, back) == 0;
    move_queue(run);
}
