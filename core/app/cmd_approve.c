/*
 * approve, reject, undo, remediate, unlock - what a person decides of a running agent's plans, and of its locks.
 *
 * A plan is shown before it is approved, and the first digits of its hash are asked for, on standard
 * input or by --hash: what was read is what is approved.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/caller.h"
#include "app/planned.h"
#include "app/signer.h"
#include "incident/plan.h"
#include "io/sshsig.h"

enum { LONGEST = 4 << 20, DECIDE_MS = 15000, FOLLOW_MS = 60000, LOOK_MS = 250 };

static int64_t wall_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static json_t *ask_plan(const struct options *options, const char *id)
{
    return caller_ask(options, "plan", json_pack("{s:s}", "plan", id), CALLER_MS);
}

/* Signs `args` as they will be read; false, which is said, where that cannot be. */
static bool sign(const struct options *options, json_t *args, const char *realm, const char *hash)
{
    struct text TEXT_AUTO signature;
    const struct statement statement = {
        .realm = realm,
        .decision = json_string_value(json_object_get(args, "decision")),
        .about = json_string_value(json_object_get(args, "about")),
        .hash = hash,
        .except = json_object_get(args, "except"),
        .with = json_object_get(args, "with"),
        .reason = options->reason,
        .wall_ms = wall_ms(),
    };
    text_init(&signature, SSHSIG_LONGEST);
    if (!options->key)
        return true;
    if (!signer_sign(options->key, &statement, &signature))
        return false;
    (void)json_object_set_new(args, "time_ms", json_integer(statement.wall_ms));
    (void)json_object_set_new(args, "signature", json_string(signature.bytes));
    return true;
}

static json_t *make_args(const struct options *options, const char *decision, const char *about)
{
    json_t *args = json_pack("{s:s, s:s}", "decision", decision, "about", about);
    json_t *except = options_items(options, OPTION_EXCEPT);
    json_t *with = options_values(options, OPTION_WITH);
    if (options->reason)
        (void)json_object_set_new(args, "reason", json_string(options->reason));
    if (json_array_size(except))
        (void)json_object_set(args, "except", except);
    if (json_object_size(with))
        (void)json_object_set(args, "with", with);
    json_decref(except);
    json_decref(with);
    return args;
}

/* ------------------------------------------------------------ approving ---- */

/* What was typed, or --hash; false: it is not the beginning of the hash, which is said. */
static bool read_hash(const struct options *options, const json_t *plan,
                      char out[PLAN_HASH_LEN + 1])
{
    const char *hash = caller_word(plan, "plan_hash");
    char line[64] = "";
    if (!options->hash) {
        (void)fprintf(stderr, "Apply this in %s?  Type %.4s: ", caller_word(plan, "realm"), hash);
        (void)fflush(stderr);
        if (!fgets(line, sizeof(line), stdin))
            (void)fprintf(stderr, "\n");
    }
    const char *typed = options->hash ? options->hash : line;
    size_t len = strcspn(typed, " \t\r\n");
    if (len >= PLAN_HASH_TYPED && len <= PLAN_HASH_LEN && strncmp(typed, hash, len) == 0) {
        (void)snprintf(out, PLAN_HASH_LEN + 1, "%s", hash);
        return true;
    }
    (void)fprintf(stderr,
                  "runbookd: that is not the beginning of the plan's hash: nothing is approved\n");
    return false;
}

static bool is_over(const char *state)
{
    return strcmp(state, "waiting") != 0 && strcmp(state, "approved") != 0 &&
           strcmp(state, "applying") != 0;
}

/* Waits until all is applied, and says how that went. */
static int follow(const struct options *options, const char *id)
{
    int64_t until_ms = wall_ms() + FOLLOW_MS;
    while (wall_ms() < until_ms) {
        json_t *plan = ask_plan(options, id);
        if (!plan)
            return EXIT_REFUSED;
        const char *state = caller_word(plan, "state"), *said = caller_word(plan, "said");
        bool over = is_over(state), applied = strcmp(state, "applied") == 0;
        struct text TEXT_AUTO out;
        text_init(&out, LONGEST);
        if (over) {
            text_print(&out, "%s", state);
            text_add(&out, *said ? "  " : "");
            (void)screen_add(&out, said, 0);
            text_add_char(&out, '\n');
            caller_print(&out);
        }
        json_decref(plan);
        if (over)
            return applied ? EXIT_FINE : EXIT_REFUSED;
        (void)nanosleep(&(const struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
    (void)printf("it goes on: runbookd plan %s\n", id);
    return EXIT_FINE;
}

static void print_decision(const json_t *answer)
{
    struct text TEXT_AUTO out;
    bool by_key = strncmp(caller_word(answer, "proof"), "peercred", 8) != 0;
    size_t count = json_array_size(json_object_get(answer, "approvals"));
    int64_t needed = caller_number(answer, "needed");
    text_init(&out, LONGEST);
    text_print(&out,
               "%s %s",
               strcmp(caller_word(answer, "decision"), "approve") == 0  ? "approved"
               : strcmp(caller_word(answer, "decision"), "reject") == 0 ? "rejected"
                                                                        : "undoing",
               caller_word(answer, "plan"));
    if (strcmp(caller_word(answer, "decision"), "approve") == 0)
        text_print(&out, "  %zu of %" PRId64, count, needed);
    text_add(&out, "  by ");
    (void)screen_add(&out, caller_word(answer, "who"), 0);
    text_add(&out, by_key ? " (signature verified)\n" : "\n");
    caller_print(&out);
}

static json_t *decide(const struct options *options, const char *decision, const json_t *plan,
                      const char *hash)
{
    json_t *args = make_args(options, decision, caller_word(plan, "plan"));
    (void)json_object_set_new(args, "hash", json_string(hash));
    if (!sign(options, args, caller_word(plan, "realm"), caller_word(plan, "plan_hash"))) {
        json_decref(args);
        return NULL;
    }
    return caller_ask(options, "decide", args, DECIDE_MS);
}

static int decide_plan(const struct options *options, const char *decision)
{
    char hash[PLAN_HASH_LEN + 1];
    bool approving = strcmp(decision, "approve") == 0;
    struct text TEXT_AUTO shown;
    text_init(&shown, LONGEST);
    if (options->word_count != 1) {
        (void)fprintf(
            stderr, "runbookd: %s takes one plan: see runbookd pending --all\n", decision);
        return EXIT_REFUSED;
    }
    json_t *plan = ask_plan(options, options->words[0]);
    if (!plan)
        return EXIT_REFUSED;
    (void)snprintf(hash, sizeof(hash), "%s", caller_word(plan, "plan_hash"));
    if (approving && !options->json && !options->hash) {
        planned_print(plan, &shown);
        caller_print(&shown);
    }
    bool go_on =
        !approving || is_over(caller_word(plan, "state")) || read_hash(options, plan, hash);
    json_t *answer = go_on ? decide(options, decision, plan, hash) : NULL;
    int code = answer ? EXIT_FINE : EXIT_REFUSED;
    if (answer && !caller_print_json(options, answer)) {
        print_decision(answer);
        if (approving && strcmp(caller_word(answer, "state"), "waiting") != 0)
            code = follow(options, caller_word(answer, "plan"));
    }
    json_decref(answer);
    json_decref(plan);
    return code;
}

int cmd_approve(const struct options *options)
{
    return decide_plan(options, "approve");
}

int cmd_reject(const struct options *options)
{
    return decide_plan(options, "reject");
}

int cmd_undo(const struct options *options)
{
    return decide_plan(options, "undo");
}

/* ------------------------------------------------------------ remediating ---- */

/* Of something else than a plan, with nothing read that it binds; the answer, or NULL, which is said. */
static json_t *decide_about(const struct options *options, const char *decision)
{
    json_t *status = options->key ? caller_ask(options, "status", NULL, CALLER_MS) : NULL;
    if (options->key && !status)
        return NULL;
    json_t *args = make_args(options, decision, options->words[0]);
    json_t *answer = NULL;
    if (sign(options, args, caller_word(status, "realm"), NULL))
        answer = caller_ask(options, "decide", args, DECIDE_MS);
    else
        json_decref(args);
    json_decref(status);
    return answer;
}

static void add_unlocked(const json_t *answer, struct text *out)
{
    text_print(out, "%s is no longer locked, as ", caller_word(answer, "target"));
    (void)screen_add(out, caller_word(answer, "who"), 0);
    text_add(out, " wants\n");
}

int cmd_unlock(const struct options *options)
{
    if (options->word_count != 1) {
        (void)fprintf(stderr, "runbookd: unlock takes one target: see runbookd status\n");
        return EXIT_REFUSED;
    }
    return caller_say(options, decide_about(options, "unlock"), add_unlocked);
}

static void add_begun(const json_t *answer, struct text *out)
{
    text_print(out,
               "%s has begun, as %s: runbookd pending --all shows its plans\n",
               caller_word(answer, "remediation"),
               caller_word(answer, "run"));
}

int cmd_remediate(const struct options *options)
{
    if (options->word_count != 1) {
        (void)fprintf(stderr,
                      "runbookd: remediate takes one name, of a remediation that is configured\n");
        return EXIT_REFUSED;
    }
    return caller_say(options, decide_about(options, "remediate"), add_begun);
}
