/*
 * refusal - what a plugin says of options that cannot be, in a kit of its own.
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <stdio.h>

#include "kit.h"

/* Of a check's option, or with NULL the target's; "": it is taken.  `url`: the target's, or NULL. */
static inline const char *refusal_of(const struct probe_plugin *plugin, const char *url,
                                     const char *check, const char *option, const char *value)
{
    static char text[300];
    struct kit *kit = kit_open(plugin);
    if (url)
        kit_set(kit, "url", url);
    if (check)
        kit_set_for(kit, check, option, value);
    else
        kit_set(kit, option, value);
    const char *refusal = kit_refusal(kit, check);
    (void)snprintf(text, sizeof(text), "%s", refusal ? refusal : "");
    return kit_close(kit) == 0 ? text : "a rule was broken";
}

#endif
