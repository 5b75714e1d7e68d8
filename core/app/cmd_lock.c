/* lock - a target's evidence is to be kept. */
#include <stdio.h>

#include "app/caller.h"

int cmd_lock(const struct options *options)
{
    struct text TEXT_AUTO out;
    text_init(&out, 4096);
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
    json_t *answer = caller_ask(options, "lock", args, CALLER_MS);
    if (!answer)
        return EXIT_REFUSED;
    if (!caller_print_json(options, answer)) {
        text_print(&out, "%s is locked by ", caller_word(answer, "target"));
        (void)screen_add(&out, caller_word(answer, "who"), 0);
        text_add(&out, ": nothing disruptive or destructive is done there until runbookd unlock\n");
        caller_print(&out);
        caller_print_kept(answer);
    }
    json_decref(answer);
    return EXIT_FINE;
}
