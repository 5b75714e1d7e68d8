/* healthz - whether a running agent lives. */
#include <stdio.h>

#include "app/caller.h"
#include "base/units.h"

enum { HEALTH_MS = 5000 };

static void add_health(const json_t *answer, struct text *out)
{
    const json_t *config = json_object_get(answer, "config");
    text_print(out,
               "%s   config %s%s   state %s\n",
               caller_word(answer, "status"),
               caller_word(config, "digest"),
               caller_number(config, "errors") ? " (the present one is wrong)" : "",
               caller_word(answer, "state"));
}

int cmd_healthz(const struct options *options)
{
    return caller_say(options, caller_ask(options, "healthz", NULL, HEALTH_MS), add_health);
}
