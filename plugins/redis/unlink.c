/*
 * unlink_pattern - drops the keys of a cache, in place of KEYS | xargs DEL, FLUSHDB and FLUSHALL,
 * which block the server or take queues, locks and sessions with them.
 */
#include <inttypes.h>
#include <string.h>

#include "checks.h"
#include "glob.h"
#include "redis.h"

const struct probe_option unlink_options[] = {
    {"pattern",
     PROBE_STRING_AT(struct unlink_config, pattern),
     .help = "which keys, as \"cache:user:*\"; it begins with four plain characters at least"},
    {"types",
     PROBE_LIST_AT(struct unlink_config, types),
     .fallback = "[string, hash]",
     .help = "keys of another type are left alone; []: any type"},
    {"expiring_only",
     PROBE_BOOL_AT(struct unlink_config, expiring_only),
     .fallback = "true",
     .help = "leave keys alone that would live for ever: a cache has none"},
    {"min_ttl",
     PROBE_DURATION_AT(struct unlink_config, min_ttl_ms),
     .fallback = "0s",
     .max = 365LL * 86400000,
     .help = "leave keys alone that go by themselves within that time"},
    {"never",
     PROBE_LIST_AT(struct unlink_config, never),
     .fallback = "['bull:*', '*:queue:*', 'queue:*', '*lock:*', '*session*', '_kombu*']",
     .help = "patterns of keys that are left alone"},
    {"max_keys",
     PROBE_INT_AT(struct unlink_config, max_keys),
     .fallback = "10000",
     .min = 1,
     .max = 10000000,
     .help = "no more than these"},
    {"batch",
     PROBE_INT_AT(struct unlink_config, batch),
     .fallback = "100",
     .min = 1,
     .max = 500,
     .help = "keys in one UNLINK"},
    {"pause",
     PROBE_DURATION_AT(struct unlink_config, pause_ms),
     .fallback = "2ms",
     .max = 10000,
     .help = "between two batches, and two pages of SCAN"},
    {"budget",
     PROBE_DURATION_AT(struct unlink_config, budget_ms),
     .fallback = "20s",
     .min = 100,
     .max = 600000,
     .help = "how long to look for keys"},
    {0},
};

enum { SHORTEST_PREFIX = 4, QUESTIONS = 2 };

/* ------------------------------------------------------------ choosing ---- */

static void ask(struct probe_run *run, const char *key)
{
    struct talk *talk = server_actions(run);
    talk_add(talk, WORDS("TYPE", key));
    talk_add(talk, WORDS("PTTL", key));
}

static bool is_spared(const struct unlink_config *config, const char *key)
{
    for (const char *const *pattern = config->never; *pattern; pattern++)
        if (glob_fits(*pattern, key))
            return true;
    return false;
}

static bool wants(struct probe_run *run, const char *key, redisReply *const *answers)
{
    const struct unlink_config *config = run->config;
    struct unlink_run *state = run->data;
    int64_t ttl = answers[1]->type == REDIS_REPLY_INTEGER ? answers[1]->integer : -2;
    const char *type = talk_is_text(answers[0]) ? answers[0]->str : "none";
    if (ttl == -2 || strcmp(type, "none") == 0)
        return false; /* it is gone */
    bool spared = is_spared(config, key),
         other = config->types[0] && !words_have(config->types, type);
    bool lasting = ttl < 0 && config->expiring_only, ending = ttl >= 0 && ttl < config->min_ttl_ms;
    state->left_alone += spared || other || lasting || ending;
    return !spared && !other && !lasting && !ending;
}

/* ---------------------------------------------------------------- plan ---- */

/* What was not looked at is said. */
static void say_rest(const struct unlink_run *state, char *out, size_t room)
{
    const struct reap *reap = &state->reap;
    const char *why = reap->more             ? "; there are more, beyond max_keys"
                      : !reap->scan.complete ? "; the budget ended before all keys were seen"
                                             : "";
    (void)snprintf(out,
                   room,
                   "%" PRId64 " of %" PRId64 " keys fit, %" PRId64
                   " more fit the pattern and are left alone%s",
                   reap->chosen,
                   reap->scan.total,
                   state->left_alone,
                   why);
}

static void on_counted(struct probe_run *run)
{
    const struct unlink_config *config = run->config;
    const struct unlink_run *state = run->data;
    char what[400], note[240];
    say_rest(state, note, sizeof(note));
    (void)snprintf(what,
                   sizeof(what),
                   "unlink %" PRId64 " keys that fit %.200s",
                   state->reap.chosen,
                   config->pattern);
    const struct probe_step step = {
        .key = config->pattern, .what = what, .count = state->reap.chosen};
    probe_planned(run,
                  .steps = &step,
                  .step_count = state->reap.chosen > 0,
                  .total = state->reap.scan.total,
                  .note = note);
}

/* -------------------------------------------------------------- apply ---- */

static void on_unlinked(struct probe_run *run)
{
    const struct unlink_run *state = run->data;
    char summary[320], json[64], rest[240];
    say_rest(state, rest, sizeof(rest));
    (void)snprintf(
        summary, sizeof(summary), "%" PRId64 " keys were unlinked: %s", state->reap.removed, rest);
    (void)snprintf(json, sizeof(json), "{\"unlinked\":%" PRId64 "}", state->reap.removed);
    probe_applied(run,
                  .outcome = state->reap.removed > 0 ? PROBE_APPLIED : PROBE_SKIPPED,
                  .summary = summary,
                  .json = json);
}

static bool is_too_wide(struct probe_run *run)
{
    const struct unlink_config *config = run->config;
    if (glob_literal(config->pattern) >= SHORTEST_PREFIX)
        return false;
    probe_end(run,
              .how = PROBE_FAILED,
              .status = -EINVAL,
              .reason = "too_wide",
              .summary = "the pattern does not begin with four plain characters, so it may mean "
                         "anything",
              .hint = "name what the cache puts before its keys: cache:*");
    return true;
}

static void begin(struct probe_run *run, int64_t most, bool apply)
{
    const struct unlink_config *config = run->config;
    struct unlink_run *state = run->data;
    if (is_too_wide(run))
        return;
    state->reap = (struct reap){
        .scan = {.match = config->pattern,
                 .pause_ms = config->pause_ms,
                 .budget_ms = config->budget_ms},
        .apply = apply,
        .most = most,
        .batch = config->batch,
        .questions = QUESTIONS,
        .ask = ask,
        .wants = wants,
        .done = apply ? on_unlinked : on_counted,
    };
    reap_start(run);
}

void unlink_plan(struct probe_target *self, struct probe_run *run)
{
    const struct unlink_config *config = run->config;
    (void)self;
    begin(run, config->max_keys, false);
}

/* No more than was planned, whatever has come since. */
void unlink_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    const struct unlink_config *config = run->config;
    (void)self;
    begin(run, step->count < config->max_keys ? step->count : config->max_keys, true);
}
