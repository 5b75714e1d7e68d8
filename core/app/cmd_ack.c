/* ack - somebody has seen a finding, or a plan that waits, and looks after it. */
#include <stdio.h>

#include "app/caller.h"

int cmd_ack(const struct options *options)
{
    struct text TEXT_AUTO out;
    text_init(&out, 4096);
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
    json_t *answer = caller_ask(options, "ack", args, CALLER_MS);
    if (!answer)
        return EXIT_REFUSED;
    if (!caller_print_json(options, answer)) {
        text_print(&out, "%s   acknowledged by ", caller_word(answer, "what"));
        (void)screen_add(&out, caller_word(answer, "acked_by"), 0);
        if (*caller_word(answer, "plan"))
            text_add(&out, "   it waits on, and nobody is reminded\n");
        else
            text_print(&out, "   id %s   until it is ok again\n", caller_word(answer, "id"));
        caller_print(&out);
        if (!*caller_word(answer, "plan"))
            caller_print_kept(answer);
    }
    json_decref(answer);
    return EXIT_FINE;
}
