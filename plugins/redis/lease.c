/*
 * lease - a realm's lease in a Redis, and the documents that only its holder may write.
 *
 *     runbookd:{REALM}:lease   "TOKEN HOLDER", which expires by itself
 *     runbookd:{REALM}:token   the last token that was given
 *     runbookd:{REALM}:state   the documents, a hash
 *     runbookd:{REALM}:post    letters to the holder, and its answers, a hash: the documents "post/..."
 *
 * Each claim is one script, which Redis runs as a whole: what is compared is what is written.  A
 * token is one more than the last, and at least the server's clock in milliseconds, so that it grows
 * also where a failover or a restart has lost the last one.
 */
#include "lease.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

struct lease_run {
    bool keeps; /* the connection: we hold the lease */
};

/* ------------------------------------------------------------- scripts ---- */

#define HELD                                                                                       \
    "local v = redis.call('GET', KEYS[1]) local t, h = string.match(v or '', '^(%d+) (.*)$') "
#define ANSWER(held) "return {" held ", t or '0', h or '', redis.call('PTTL', KEYS[1])}"

/* ARGV: holder, how long in ms. */
static const char take_script[] =
    "if redis.replicate_commands then redis.replicate_commands() end " HELD
    "if v and h ~= ARGV[1] then " ANSWER(
        "0") " end "
             "if not v then "
             "local now = redis.call('TIME') "
             "local last = tonumber(redis.call('GET', KEYS[2]) or '0') "
             "t = string.format('%.0f', math.max(last + 1, now[1] * 1000 + math.floor(now[2] / "
             "1000))) "
             "redis.call('SET', KEYS[2], t) end "
             "h = ARGV[1] "
             "redis.call('SET', KEYS[1], t .. ' ' .. h, 'PX', ARGV[2]) " ANSWER("1");

/* ARGV: holder, how long, token. */
static const char renew_script[] = HELD "if v ~= ARGV[3] .. ' ' .. ARGV[1] then " ANSWER(
    "0") " end "
         "redis.call('PEXPIRE', KEYS[1], ARGV[2]) " ANSWER("1");

static const char release_script[] = HELD "if v ~= ARGV[3] .. ' ' .. ARGV[1] then " ANSWER(
    "0") " end "
         "redis.call('DEL', KEYS[1]) return {1, t, '', 0}";

/* Where a document lies: letters have a hash of their own, which is looked at often, and small. */
#define PLACE "local post = string.sub(ARGV[4], 1, 5) == 'post/' local at = KEYS[post and 4 or 3] "

/*
 * ARGV: holder, how long, token, key, value; without a value there is to be none.  Under the token 0
 * letters alone, 64 at most.
 */
static const char write_script[] =
    HELD PLACE "local open = post and ARGV[3] == '0' "
               "if not open and v ~= ARGV[3] .. ' ' .. ARGV[1] then " ANSWER(
                   "0") " end "
                        "if open and ARGV[5] and redis.call('HLEN', at) >= 64 then " ANSWER(
                            "0") " end "
                                 "if ARGV[5] then redis.call('HSET', at, ARGV[4], ARGV[5]) "
                                 "else redis.call('HDEL', at, ARGV[4]) end " ANSWER("1");

/* ARGV[4]: what the keys begin with. */
static const char find_script[] =
    HELD PLACE "local all = redis.call('HGETALL', at) local found = {} "
               "for i = 1, #all, 2 do "
               "if string.sub(all[i], 1, #ARGV[4]) == ARGV[4] then "
               "found[#found + 1] = all[i] found[#found + 1] = all[i + 1] end end "
               "return {0, t or '0', h or '', redis.call('PTTL', KEYS[1]), found}";

static const char *script_of(enum probe_claim_kind what)
{
    switch (what) {
    case PROBE_LEASE_TAKE:
        return take_script;
    case PROBE_LEASE_RENEW:
        return renew_script;
    case PROBE_LEASE_RELEASE:
        return release_script;
    case PROBE_LEASE_WRITE:
        return write_script;
    case PROBE_LEASE_READ:
        return find_script;
    default:
        return NULL;
    }
}

/* ------------------------------------------------------------- answers ---- */

/* Scripts are refused what their user may not do in words that changed with each version. */
static bool is_denied(const char *error)
{
    return errors_is(error, "NOPERM") || strstr(error, "can't run this command") ||
           strstr(error, "can't access at least one of the keys");
}

static void refuse(struct probe_run *run, const char *error)
{
    if (!is_denied(error)) {
        talk_refused(server_checks(run), run, error);
        return;
    }
    probe_end(run,
              .how = PROBE_DENIED,
              .status = -EACCES,
              .reason = "denied",
              .summary = "the user may not keep a lease there",
              .hint = lease.needs);
}

/* The documents of a READ; to be freed.  NULL where that is no such list. */
static struct probe_pair *documents_of(const redisReply *found)
{
    size_t count = found->type == REDIS_REPLY_ARRAY ? found->elements / 2 : 0;
    struct probe_pair *documents = calloc(count + 1, sizeof(*documents));
    if (!documents)
        abort(); /* out of memory */
    for (size_t i = 0; i < count; i++) {
        documents[i].name = found->element[2 * i]->str;
        documents[i].value = found->element[2 * i + 1]->str;
    }
    return documents;
}

static void on_decided(struct probe_run *run, const redisReply *reply)
{
    struct lease_run *state = run->data;
    const enum probe_claim_kind what = run->claim->what;
    redisReply *const *parts = reply->element;
    if (reply->type == REDIS_REPLY_ERROR) {
        refuse(run, reply->str);
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 4 ||
        parts[0]->type != REDIS_REPLY_INTEGER || parts[1]->type != REDIS_REPLY_STRING ||
        parts[2]->type != REDIS_REPLY_STRING || parts[3]->type != REDIS_REPLY_INTEGER) {
        probe_fail(run, -EPROTO, "the server does not say who holds the lease");
        return;
    }
    bool held = parts[0]->integer == 1;
    struct probe_pair *documents =
        reply->elements > 4 && what == PROBE_LEASE_READ ? documents_of(parts[4]) : NULL;
    state->keeps = what != PROBE_LEASE_RELEASE && strcmp(parts[2]->str, run->claim->holder) == 0;
    probe_leased(run,
                 .held = held,
                 .token = strtoll(parts[1]->str, NULL, 10),
                 .holder = *parts[2]->str ? parts[2]->str : NULL,
                 .left_ms = parts[3]->integer > 0 ? parts[3]->integer : 0,
                 .documents = documents);
    free(documents);
}

/* -------------------------------------------------------------- claims ---- */

static void claim(struct probe_target *self, struct probe_run *run)
{
    const struct probe_claim *asked = run->claim;
    const char *script = script_of(asked->what);
    char keys[4][256], ttl[24], token[24];
    static const char *const names[] = {"lease", "token", "state", "post"};
    (void)self;
    if (!script) {
        probe_fail(run, -ENOSYS, "this claim is not known here");
        return;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        (void)snprintf(keys[i], sizeof(keys[i]), "runbookd:{%.200s}:%s", asked->realm, names[i]);
    (void)snprintf(ttl, sizeof(ttl), "%" PRId64, asked->ttl_ms);
    (void)snprintf(token, sizeof(token), "%" PRId64, asked->token);
    const char *const words[] = {"EVAL",
                                 script,
                                 "4",
                                 keys[0],
                                 keys[1],
                                 keys[2],
                                 keys[3],
                                 asked->holder,
                                 ttl,
                                 token,
                                 asked->key ? asked->key : "",
                                 asked->value};
    int count = (int)(sizeof(words) / sizeof(*words)) - !asked->value;
    talk_try(server_checks(run), run, on_decided, count, words);
}

/* Who holds it keeps the connection; fifty that do not keep none. */
static void ended(struct probe_target *self, struct probe_run *run)
{
    const struct lease_run *state = run->data;
    (void)self;
    if (state->keeps)
        talk_over(server_checks(run));
    else
        talk_close(server_checks(run));
}

const struct probe_lease lease = {
    .size = sizeof(struct probe_lease),
    .needs = "ACL SETUSER runbookd +eval +time +get +set +del +pttl +pexpire +hset +hdel +hlen "
             "+hgetall "
             "~runbookd:*",
    .timeout = "5s",
    .run_size = sizeof(struct lease_run),
    .claim = claim,
    .ended = ended,
};
