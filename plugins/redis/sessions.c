/*
 * revoke_sessions - ends the sessions of named users, or those that began before a moment, in place
 * of FLUSHALL, which would take the evidence along.
 *
 * Whose a session is stands in its key ("session:{user}:*"), in a field of a hash, or in a member of
 * a JSON text.  A session's key is as good as a password: none is ever in a plan or an event.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "glob.h"
#include "payload.h"
#include "redis.h"

enum { SHORTEST_PREFIX = 4, QUESTIONS = 2, MOST_STEPS = 200, PATTERN = 512 };

static const char user_mark[] = "{user}";
static const char head_end[] = "16383"; /* of a JSON text, as much as is read */

const struct probe_option sessions_options[] = {
    {"pattern",
     PROBE_STRING_AT(struct sessions_config, pattern),
     .help = "which keys are sessions, as \"sess:*\", or \"session:{user}:*\" where the user is in "
             "the key; it begins with four plain characters at least"},
    {"users",
     PROBE_LIST_AT(struct sessions_config, users),
     .fallback = "[]",
     .help = "whose sessions to end, by id; []: everybody's, with `older_than` or `everybody`"},
    {"user_in",
     PROBE_STRING_AT(struct sessions_config, user_in),
     .fallback = "key",
     .help = "where the user's id is: key, hash:FIELD, or json:MEMBER as json:passport.user"},
    {"older_than",
     PROBE_DURATION_AT(struct sessions_config, older_than_ms),
     .fallback = "0s",
     .max = 3650LL * 86400000,
     .help = "only sessions that began longer ago, by their time to live and `lifetime`"},
    {"lifetime",
     PROBE_DURATION_AT(struct sessions_config, lifetime_ms),
     .fallback = "0s",
     .max = 3650LL * 86400000,
     .help = "the time to live of a session that has just begun, or was just used"},
    {"everybody",
     PROBE_BOOL_AT(struct sessions_config, everybody),
     .fallback = "false",
     .help = "end all sessions, of all users"},
    {"max_keys",
     PROBE_INT_AT(struct sessions_config, max_keys),
     .fallback = "10000",
     .min = 1,
     .max = 10000000,
     .help = "no more than these"},
    {"pause",
     PROBE_DURATION_AT(struct sessions_config, pause_ms),
     .fallback = "2ms",
     .max = 10000,
     .help = "between two batches, and two pages of SCAN"},
    {"budget",
     PROBE_DURATION_AT(struct sessions_config, budget_ms),
     .fallback = "20s",
     .min = 100,
     .max = 600000,
     .help = "how long to look for keys"},
    {0},
};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* ------------------------------------------------------------ patterns ---- */

/* The pattern with a user, or "*", in the place of {user}. */
static bool fill_in(const struct sessions_config *config, const char *user, char out[PATTERN])
{
    const char *mark = strstr(config->pattern, user_mark);
    size_t before = mark ? (size_t)(mark - config->pattern) : strlen(config->pattern);
    if (before + 2 > PATTERN)
        return false;
    (void)snprintf(out, PATTERN, "%.*s", (int)before, config->pattern);
    if (!mark)
        return true;
    if (user && !glob_quote(out, PATTERN, user))
        return false;
    size_t at = strlen(out);
    int len =
        snprintf(out + at, PATTERN - at, "%s%s", user ? "" : "*", mark + sizeof(user_mark) - 1);
    return len >= 0 && (size_t)len < PATTERN - at;
}

/* ------------------------------------------------------------ choosing ---- */

static void ask(struct probe_run *run, const char *key)
{
    const struct sessions_config *config = run->config;
    struct talk *talk = server_actions(run);
    talk_add(talk, WORDS("PTTL", key));
    if (begins(config->user_in, "hash:"))
        talk_add(talk, WORDS("HGET", key, config->user_in + 5));
    else if (begins(config->user_in, "json:"))
        talk_add(talk, WORDS("GETRANGE", key, "0", head_end));
    else
        talk_add(talk, WORDS("TYPE", key));
}

/* Whether a session is that user's. */
static bool is_of(const struct sessions_config *config, const char *user, const char *key,
                  const redisReply *answer)
{
    char found[PATTERN];
    if (strcmp(config->user_in, "key") == 0)
        return fill_in(config, user, found) && glob_fits(found, key);
    if (answer->type != REDIS_REPLY_STRING)
        return false;
    if (begins(config->user_in, "hash:"))
        return strcmp(answer->str, user) == 0;
    return payload_member(answer->str, config->user_in + 5, found, sizeof(found)) &&
           strcmp(found, user) == 0;
}

static bool is_old(const struct sessions_config *config, const redisReply *ttl)
{
    if (config->older_than_ms == 0)
        return true;
    return ttl->type == REDIS_REPLY_INTEGER && ttl->integer >= 0 &&
           config->lifetime_ms - ttl->integer > config->older_than_ms;
}

/* Which of the users a session is of: the first that fits; -1: none. */
static int64_t whose(struct probe_run *run, const char *key, const redisReply *answer)
{
    const struct sessions_config *config = run->config;
    const struct sessions_run *state = run->data;
    if (state->only)
        return is_of(config, state->only, key, answer) ? 0 : -1;
    for (size_t i = 0; config->users[i]; i++)
        if (is_of(config, config->users[i], key, answer))
            return (int64_t)i;
    return config->users[0] ? -1 : 0;
}

static bool wants(struct probe_run *run, const char *key, redisReply *const *answers)
{
    struct sessions_run *state = run->data;
    if (!is_old(run->config, answers[0]))
        return false;
    int64_t user = whose(run, key, answers[1]);
    if (user >= 0 && state->reap.chosen < state->reap.most)
        state->counts[user]++;
    return user >= 0;
}

/* ---------------------------------------------------------------- plan ---- */

static const char everybody[] = "everybody";

static void add_step(struct probe_step *step, const char *user, int64_t count, char *what,
                     size_t room)
{
    (void)snprintf(what,
                   room,
                   "end %" PRId64 " %s of %.100s",
                   count,
                   count == 1 ? "session" : "sessions",
                   user);
    *step = (struct probe_step){.key = user, .what = what, .count = count};
}

static void on_counted(struct probe_run *run)
{
    const struct sessions_config *config = run->config;
    const struct sessions_run *state = run->data;
    struct probe_step steps[MOST_STEPS];
    char whats[MOST_STEPS][160], note[160];
    size_t count = 0;
    for (size_t i = 0; i < state->users; i++)
        if (state->counts[i] > 0) {
            add_step(&steps[count],
                     config->users[0] ? config->users[i] : everybody,
                     state->counts[i],
                     whats[count],
                     sizeof(whats[count]));
            count++;
        }
    (void)snprintf(note,
                   sizeof(note),
                   "%" PRId64 " sessions; %s",
                   state->reap.chosen,
                   state->reap.more            ? "there are more, beyond max_keys"
                   : state->reap.scan.complete ? "all keys were seen"
                                               : "the budget ended before all keys were seen");
    probe_planned(
        run, .steps = steps, .step_count = count, .total = state->reap.scan.total, .note = note);
}

/* -------------------------------------------------------------- apply ---- */

static void on_revoked(struct probe_run *run)
{
    const struct sessions_run *state = run->data;
    const struct reap *reap = &state->reap;
    char summary[160], json[64];
    (void)snprintf(
        summary,
        sizeof(summary),
        "%" PRId64 " sessions were ended%s",
        reap->removed,
        reap->more || reap->scan.complete ? "" : "; the budget ended before all keys were seen");
    (void)snprintf(json, sizeof(json), "{\"revoked\":%" PRId64 "}", reap->removed);
    probe_applied(run,
                  .outcome = reap->removed > 0 ? PROBE_APPLIED : PROBE_SKIPPED,
                  .summary = summary,
                  .json = json);
}

/* What is wrong with the options, in words; or NULL. */
static const char *refusal(const struct sessions_config *config, size_t users)
{
    bool in_key = strcmp(config->user_in, "key") == 0;
    if (glob_literal(config->pattern) < SHORTEST_PREFIX ||
        strstr(config->pattern, user_mark) == config->pattern)
        return "the pattern does not begin with four plain characters, so it may mean anything";
    if (users == 0 && config->older_than_ms == 0 && !config->everybody)
        return "name `users`, `older_than`, or say `everybody`";
    if (users > MOST_STEPS)
        return "200 users at most, at one time";
    if (config->older_than_ms > 0 && config->lifetime_ms == 0)
        return "`older_than` needs `lifetime`, to tell a session's age from its time to live";
    if (!in_key && !begins(config->user_in, "hash:") && !begins(config->user_in, "json:"))
        return "`user_in` is key, hash:FIELD or json:MEMBER";
    if (in_key && users > 0 && !strstr(config->pattern, user_mark))
        return "where the user is in the key, the pattern says so with {user}";
    return NULL;
}

static void begin(struct probe_run *run, int64_t most, bool apply)
{
    const struct sessions_config *config = run->config;
    struct sessions_run *state = run->data;
    const char *wrong = refusal(config, words_count(config->users));
    const char *narrow = state->only                       ? state->only
                         : words_count(config->users) == 1 ? config->users[0]
                                                           : NULL;
    if (!wrong && !fill_in(config, narrow, state->match))
        wrong = "the pattern is too long";
    if (wrong) {
        probe_end(
            run, .how = PROBE_FAILED, .status = -EINVAL, .reason = "options", .summary = wrong);
        return;
    }
    state->users = words_count(config->users) > 0 ? words_count(config->users) : 1;
    state->counts = calloc(state->users, sizeof(*state->counts));
    if (!state->counts)
        abort(); /* out of memory */
    state->reap = (struct reap){
        .scan = {.match = state->match,
                 .pause_ms = config->pause_ms,
                 .budget_ms = config->budget_ms},
        .apply = apply,
        .most = most,
        .batch = 100,
        .questions = QUESTIONS,
        .ask = ask,
        .wants = wants,
        .done = apply ? on_revoked : on_counted,
    };
    reap_start(run);
}

void sessions_plan(struct probe_target *self, struct probe_run *run)
{
    const struct sessions_config *config = run->config;
    (void)self;
    begin(run, config->max_keys, false);
}

void sessions_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    const struct sessions_config *config = run->config;
    struct sessions_run *state = run->data;
    (void)self;
    if (strcmp(step->key, everybody) != 0 || config->users[0]) {
        state->only = strdup(step->key);
        if (!state->only)
            abort(); /* out of memory */
    }
    begin(run, step->count < config->max_keys ? step->count : config->max_keys, true);
}

void sessions_ended(struct probe_target *self, struct probe_run *run)
{
    struct sessions_run *state = run->data;
    free(state->counts);
    free(state->only);
    reap_ended(self, run);
}
