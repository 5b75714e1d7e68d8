/*
 * acl - what this user may not do that the checks need, as the line that grants it.
 *
 * Each command is tried, as a question that changes nothing and costs nothing: asking the server
 * what a user may do is itself a right that a careful operator does not give.  What other checks of
 * the target were refused since the last run is added, with the very keys.
 */
#include <inttypes.h>
#include <string.h>

#include "checks.h"
#include "redis.h"

const struct probe_option acl_options[] = {
    {"checks",
     PROBE_LIST_AT(struct acl_config, checks),
     .fallback = "[connect, memory, clients, latency, persistence, replication, keyspace, slowlog]",
     .help = "the checks whose rights are tried"},
    {"keys",
     PROBE_LIST_AT(struct acl_config, keys),
     .fallback = "[]",
     .help = "keys that the queue checks among them ask about"},
    {0},
};

const struct probe_measure acl_measures[] = {
    {"missing", "rights that the checks need and this user lacks", .kind = PROBE_GAUGE},
    {0},
};

enum { WORDS_MOST = 5, LINE = 4096 };

static const char any_key[] = "KEY"; /* in its place: each key of the option */

/* What each check sends, in the order of redis.c; a key that is missing answers as well. */
static const struct
try {
    const char *check, *words[WORDS_MOST + 1];
}
tries[] = {
    {"connect", {"PING"}},
    {"connect", {"INFO"}},
    {"memory", {"INFO"}},
    {"clients", {"INFO"}},
    {"latency", {"PING"}},
    {"latency", {"LATENCY", "LATEST"}},
    {"persistence", {"INFO"}},
    {"persistence", {"CONFIG", "GET", "save"}},
    {"replication", {"INFO"}},
    {"keyspace", {"INFO"}},
    {"slowlog", {"SLOWLOG", "GET", "0"}},
    {"cache_hit_ratio", {"INFO"}},
    {"config_drift", {"CONFIG", "GET", "maxmemory"}},
    {"bigkeys", {"SCAN", "0", "COUNT", "1"}},
    {"bigkeys", {"TYPE", "runbookd:none"}},
    {"bigkeys", {"MEMORY", "USAGE", "runbookd:none"}},
    {"queue_depth", {"TYPE", any_key}},
    {"queue_depth", {"EXISTS", any_key}},
    {"queue_depth", {"LLEN", any_key}},
    {"queue_depth", {"ZCARD", any_key}},
    {"queue_depth", {"SCARD", any_key}},
    {"queue_depth", {"XLEN", any_key}},
    {"queue_depth", {"XINFO", "GROUPS", any_key}},
    {"queue_failed", {"TYPE", any_key}},
    {"queue_failed", {"LLEN", any_key}},
    {"queue_failed", {"ZCARD", any_key}},
    {"queue_failed", {"XLEN", any_key}},
    {"queue_failed", {"LRANGE", any_key, "0", "0"}},
    {"queue_failed", {"ZRANGE", any_key, "0", "0"}},
    {"queue_failed", {"XRANGE", any_key, "-", "-"}},
    {"queue_failed", {"HMGET", any_key, "name"}},
    {"queue_stalled", {"TYPE", any_key}},
    {"queue_stalled", {"LLEN", any_key}},
    {"queue_stalled", {"ZCARD", any_key}},
    {"queue_stalled", {"XLEN", any_key}},
    {"queue_stalled", {"LINDEX", any_key, "0"}},
    {"queue_stalled", {"ZRANGE", any_key, "0", "0"}},
    {"queue_stalled", {"XINFO", "GROUPS", any_key}},
    {"queue_stalled", {"GET", any_key}},
    {"queue_stalled", {"HMGET", any_key, "timestamp"}},
    {"queue_stalled", {"SCARD", any_key}},
    {"queue_stalled", {"CLIENT", "LIST", "ID", "1"}},
};

/* ---------------------------------------------------------------- tries ---- */

typedef void try_fn(struct probe_run *run, int argc, const char *const *argv);

/* The words with a key in their place; how many, or zero where there is no place for one. */
static int fill_in(const struct try *try, const char *key, const char *words[WORDS_MOST])
{
    int argc = 0;
    bool keyed = false;
    for (; argc < WORDS_MOST && try->words[argc]; argc++) {
        bool here = try->words[argc] == any_key;
        keyed = keyed || here;
        words[argc] = here ? key : try->words[argc];
    }
    return keyed == (key != NULL) ? argc : 0;
}

/* Each command of each check that is asked for, once; the same on every call. */
static void each_try(struct probe_run *run, try_fn *fn)
{
    const struct acl_config *config = run->config;
    const char *words[WORDS_MOST];
    for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
        int argc = fill_in(&tries[i], NULL, words);
        if (!words_have(config->checks, tries[i].check))
            continue;
        if (argc > 0)
            fn(run, argc, words);
        for (const char *const *key = config->keys; *key; key++)
            if ((argc = fill_in(&tries[i], *key, words)) > 0)
                fn(run, argc, words);
    }
}

static void add(struct probe_run *run, int argc, const char *const *argv)
{
    talk_add(server_checks(run), argc, argv);
}

/* ------------------------------------------------------------- finding ---- */

static void report(struct probe_run *run)
{
    struct acl_run *state = run->data;
    struct talk_place *place = server_checks(run)->place;
    char line[LINE], summary[160];
    for (size_t i = 0; i < place->rights.count; i++)
        rights_add(&state->missing, place->rights.each[i]);
    place->rights = (struct rights){0};
    int64_t missing = (int64_t)(state->missing.count + state->missing.more);
    if (missing == 0) {
        probe_report(run,
                     .summary = "this user may do all that the checks need",
                     .fields = PROBE_FIELDS(probe_int("missing", 0)));
        probe_done(run);
        return;
    }
    (void)rights_line(&state->missing, server_user(run), line, sizeof(line));
    (void)snprintf(summary,
                   sizeof(summary),
                   "the user %.60s lacks %" PRId64 " %s that the checks need",
                   server_user(run),
                   missing,
                   missing == 1 ? "right" : "rights");
    probe_report(run,
                 .status = PROBE_UNKNOWN, /* it says something about us, not about the server */
                 .summary = summary,
                 .hint = line,
                 .fields = PROBE_FIELDS(probe_int("missing", missing), probe_text("fix", line)));
    probe_done(run);
}

/* Which reply the next command of each_try() has. */
static const redisReply *next_reply(struct probe_run *run)
{
    struct acl_run *state = run->data;
    return state->at < state->replies->elements ? state->replies->element[state->at++] : NULL;
}

static void judge(struct probe_run *run, int argc, const char *const *argv)
{
    struct acl_run *state = run->data;
    const redisReply *reply = next_reply(run);
    struct right right;
    if (!reply || reply->type != REDIS_REPLY_ERROR || !errors_is(reply->str, "NOPERM"))
        return;
    right_of(argc, argv, &right);
    rights_add(&state->missing, right_missing(&right, reply->str));
}

/* The first error that is none of rights is every check's: no login, loading; not that writes fail. */
static const char *other_error(const redisReply *replies)
{
    for (size_t i = 0; i < replies->elements; i++) {
        const redisReply *reply = replies->element[i];
        struct error_text text;
        if (reply->type == REDIS_REPLY_ERROR && !errors_is(reply->str, "NOPERM") &&
            errors_explain(reply->str, &text).how == PROBE_DOWN)
            return reply->str;
    }
    return NULL;
}

static void on_replies(struct probe_run *run, const redisReply *replies)
{
    struct acl_run *state = run->data;
    const char *error = other_error(replies);
    if (error) {
        talk_refused(server_checks(run), run, error);
        return;
    }
    state->replies = replies;
    each_try(run, judge);
    report(run);
}

void acl_run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    each_try(run, add);
    talk_send(server_checks(run), run, on_replies);
}

int acl_prepare(const void *config_data, void *memory_data, struct probe_error *error)
{
    const struct acl_config *config = config_data;
    (void)memory_data;
    if (!config->checks[0])
        return probe_refuse(error, "checks", "name at least one check");
    for (const char *const *check = config->checks; *check; check++) {
        bool known = false;
        for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++)
            known = known || strcmp(tries[i].check, *check) == 0;
        if (!known)
            return probe_refuse(error, "checks", "there is no check \"%.60s\"", *check);
    }
    return 0;
}
