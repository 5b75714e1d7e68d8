/* healthz - whether a running agent lives. */
#include <stdio.h>

#include "app/caller.h"
#include "base/units.h"

enum { HEALTH_MS = 5000 };

int cmd_healthz(const struct options *options)
{
    json_t *answer = caller_ask(options, "healthz", NULL, HEALTH_MS);
    if (!answer)
        return EXIT_REFUSED;
    const json_t *config = json_object_get(answer, "config");
    if (!caller_print_json(options, answer))
        (void)printf("%s   config %s%s   state %s\n",
                     caller_word(answer, "status"),
                     caller_word(config, "digest"),
                     caller_number(config, "errors") ? " (the present one is wrong)" : "",
                     caller_word(answer, "state"));
    json_decref(answer);
    return EXIT_FINE;
}
