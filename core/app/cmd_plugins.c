/* plugins - what is loaded, and what was refused (that is said while loading, on stderr). */
#include <stdio.h>

#include "app/command.h"
#include "app/session.h"

int cmd_plugins(const struct options *options)
{
    struct session session;
    if (!session_open(&session, options))
        return EXIT_REFUSED;
    (void)printf("%-12s %-8s %6s %7s  %s\n", "PLUGIN", "VERSION", "CHECKS", "ACTIONS", "WHAT");
    for (size_t i = 0; i < session.plugins.count; i++) {
        const struct plugin *plugin = session.plugins.all[i];
        (void)printf("%-12s %-8s %6zu %7zu  %s\n",
                     plugin->face.name,
                     plugin->face.version,
                     plugin->check_count,
                     plugin->action_count,
                     plugin->face.summary);
    }
    int code = session.refused ? EXIT_REFUSED : EXIT_FINE;
    session_close(&session);
    return code;
}
