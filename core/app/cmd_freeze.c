/* freeze, thaw - stops all changes by the agent, and lets them go on. */
#include <stdio.h>

#include "app/caller.h"

static int say(const struct options *options, const char *word)
{
    json_t *args = json_object();
    struct text TEXT_AUTO out;
    text_init(&out, 4096);
    (void)json_object_set_new(args, "for_ms", json_integer(options->run_for_ms));
    if (options->reason)
        (void)json_object_set_new(args, "reason", json_string(options->reason));
    json_t *answer = caller_ask(options, word, args, CALLER_MS);
    if (!answer)
        return EXIT_REFUSED;
    const char *why = caller_word(json_object_get(answer, "freeze"), "why");
    if (!caller_print_json(options, answer)) {
        (void)screen_add(&out, *why ? why : "thawed", 0);
        text_add(&out,
                 *why ? "\nnothing is changed any more; looking and recording go on\n"
                      : "\nwhat the guard allows may be changed again\n");
        if (json_object_get(answer, "holder"))
            text_add(&out, "the same holds for the agent that has the lease\n");
        caller_print(&out);
        caller_print_kept(answer);
    }
    /* A standby alone is frozen, and the agent that acts is not. */
    int code = *caller_word(answer, "holder_silent") ? EXIT_REFUSED : EXIT_FINE;
    json_decref(answer);
    return code;
}

int cmd_freeze(const struct options *options)
{
    return say(options, "freeze");
}

int cmd_thaw(const struct options *options)
{
    return say(options, "thaw");
}
