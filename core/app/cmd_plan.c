/* pending, plan - plans of a running agent, all of one, and what becomes of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/caller.h"
#include "app/planned.h"
#include "base/mem.h"

enum { LONGEST = 4 << 20, LOOK_MS = 250 };

int cmd_pending(const struct options *options)
{
    json_t *args = json_pack("{s:b}", "all", options->all);
    return caller_say(options, caller_ask(options, "pending", args, CALLER_MS), planned_list);
}

/* ----------------------------------------------------------------- watching ---- */

/* What of a plan changes while it is watched, as one line: "applied: 9 done". */
static void describe(const json_t *plan, struct text *out)
{
    const char *said = caller_word(plan, "said"), *outcome = caller_word(plan, "outcome");
    text_print(out, "%s", caller_word(plan, "state"));
    if (strcmp(caller_word(plan, "state"), "waiting") == 0)
        text_print(out,
                   ", %zu of %" PRId64 " have approved",
                   json_array_size(json_object_get(plan, "approvals")),
                   caller_number(plan, "needed"));
    if (*outcome)
        text_print(out, ", %s", outcome);
    text_add(out, *said ? ": " : "");
    (void)screen_add(out, said, 0);
}

/*
 * Whether it has ended: below zero, not yet; else the exit code.  What was applied and is to be verified
 * has ended when looking again has said what came of it.
 */
static int end_of(const json_t *plan)
{
    static const char *const under_way[] = {"waiting", "approved", "applying"};
    const char *state = caller_word(plan, "state"), *outcome = caller_word(plan, "outcome");
    for (size_t i = 0; i < COUNT_OF(under_way); i++)
        if (strcmp(state, under_way[i]) == 0)
            return -1;
    /* Nobody is asked in auto: it is made, and begins at once; of a dry run no more will come. */
    if (strcmp(state, "made") == 0)
        return strcmp(caller_word(plan, "mode"), "auto") == 0 ? -1 : EXIT_REFUSED;
    if (strcmp(state, "applied") != 0)
        return EXIT_REFUSED;
    if (!*caller_word(plan, "verify"))
        return EXIT_FINE;
    return !*outcome ? -1 : strcmp(outcome, "fixed") == 0 ? EXIT_FINE : EXIT_REFUSED;
}

static void print_change(const struct options *options, const json_t *plan, const char *now)
{
    struct text TEXT_AUTO out;
    text_init(&out, LONGEST);
    if (caller_print_json(options, plan))
        return;
    text_print(&out, "%.8s  %s\n", caller_word(plan, "time") + 11, now);
    caller_print(&out);
}

static int watch(const struct options *options)
{
    struct text TEXT_AUTO before;
    int code = -1;
    text_init(&before, LONGEST);
    while (code < 0) {
        struct text TEXT_AUTO now;
        json_t *args = json_pack("{s:s}", "plan", options->words[0]);
        json_t *plan = caller_ask(options, "plan", args, CALLER_MS);
        text_init(&now, LONGEST);
        if (!plan)
            return EXIT_REFUSED;
        describe(plan, &now);
        if (!before.len || strcmp(before.bytes, now.bytes) != 0)
            print_change(options, plan, now.bytes);
        text_cut_to(&before, 0);
        text_add(&before, now.bytes);
        code = end_of(plan);
        json_decref(plan);
        (void)fflush(stdout);
        if (code < 0)
            (void)nanosleep(&(const struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
    return code;
}

int cmd_plan(const struct options *options)
{
    if (options->word_count != 1) {
        (void)fprintf(stderr, "runbookd: plan takes one id: see runbookd pending\n");
        return EXIT_REFUSED;
    }
    if (options->watch)
        return watch(options);
    json_t *args = json_pack("{s:s}", "plan", options->words[0]);
    return caller_say(options, caller_ask(options, "plan", args, CALLER_MS), planned_print);
}
