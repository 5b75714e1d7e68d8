/* validate - reads a configuration and says everything that is wrong with it. */
#include <stdio.h>

#include "app/agent.h"
#include "app/command.h"
#include "app/session.h"

int cmd_validate(const struct options *options)
{
    struct session session;
    int code = EXIT_REFUSED;
    if (options->path_count == 0) {
        (void)fprintf(stderr, "runbookd: validate what?  Name it with -c PATH\n");
        return EXIT_REFUSED;
    }
    if (!session_open(&session, options))
        return EXIT_REFUSED;
    if (session_configure(&session, options) && agent_accepts(&session)) {
        (void)printf("ok: %zu targets, %zu checks",
                     session.config->target_count,
                     config_count_checks(session.config));
        if (session.entries->count)
            (void)printf(", %zu remediation%s",
                         session.entries->count,
                         session.entries->count == 1 ? "" : "s");
        if (session.config->elsewhere)
            (void)printf("; %zu targets are left to agents of another role",
                         session.config->elsewhere);
        (void)printf("%s\n", options->offline ? "; secrets were not read" : "");
        code = EXIT_FINE;
    }
    session_close(&session);
    return code;
}
