/* ack - somebody has seen a finding, or a plan that waits, and looks after it. */
#include <stdio.h>

#include "app/caller.h"

static void add_ack(const json_t *answer, struct text *out)
{
    (void)screen_add(out, caller_word(answer, "what"), 0);
    text_add(out, "   acknowledged by ");
    (void)screen_add(out, caller_word(answer, "acked_by"), 0);
    if (*caller_word(answer, "plan"))
        text_add(out, "   it waits on, and nobody is reminded\n");
    else
        text_print(out, "   id %s   until it is ok again\n", caller_word(answer, "id"));
}

int cmd_ack(const struct options *options)
{
    if (options->word_count != 1) {
        (void)fprintf(
            stderr,
            "runbookd: ack takes one name: a plan, TARGET/CHECK, TARGET/CHECK[SUBJECT] or an id\n");
        return EXIT_REFUSED;
    }
    json_t *args = json_pack("{s:s}", "what", options->words[0]);
    if (options->reason)
        (void)json_object_set_new(args, "reason", json_string(options->reason));
    if (options->as)
        (void)json_object_set_new(args, "as", json_string(options->as));
    return caller_say(options, caller_ask(options, "ack", args, CALLER_MS), add_ack);
}
