/* lock - a target's evidence is to be kept. */
#include <stdio.h>

#include "app/caller.h"

static void add_lock(const json_t *answer, struct text *out)
{
    text_print(out, "%s is locked by ", caller_word(answer, "target"));
    (void)screen_add(out, caller_word(answer, "who"), 0);
    text_add(out, ": nothing disruptive or destructive is done there until runbookd unlock\n");
}

int cmd_lock(const struct options *options)
{
    if (options->word_count != 1) {
        (void)fprintf(stderr, "runbookd: lock takes one target\n");
        return EXIT_REFUSED;
    }
    json_t *args = json_pack("{s:s, s:s*, s:s*}",
                             "target",
                             options->words[0],
                             "reason",
                             options->reason,
                             "as",
                             options->as);
    return caller_say(options, caller_ask(options, "lock", args, CALLER_MS), add_lock);
}
