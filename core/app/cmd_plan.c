/* pending, plan - plans of a running agent, and all of one. */
#include <stdio.h>

#include "app/caller.h"
#include "app/planned.h"

enum { LONGEST = 4 << 20 };

static int print(const struct options *options, json_t *answer,
                 void (*print_answer)(const json_t *answer, struct text *out))
{
    struct text TEXT_AUTO out;
    text_init(&out, LONGEST);
    if (!answer)
        return EXIT_REFUSED;
    if (!caller_print_json(options, answer)) {
        print_answer(answer, &out);
        caller_print(&out);
    }
    json_decref(answer);
    return EXIT_FINE;
}

int cmd_pending(const struct options *options)
{
    json_t *args = json_pack("{s:b}", "all", options->all);
    return print(options, caller_ask(options, "pending", args, CALLER_MS), planned_list);
}

int cmd_plan(const struct options *options)
{
    if (options->word_count != 1) {
        (void)fprintf(stderr, "runbookd: plan takes one id: see runbookd pending\n");
        return EXIT_REFUSED;
    }
    json_t *args = json_pack("{s:s}", "plan", options->words[0]);
    return print(options, caller_ask(options, "plan", args, CALLER_MS), planned_print);
}
