/* validate - reads a configuration and says everything that is wrong with it. */
#include <stdio.h>

#include "app/agent.h"
#include "app/command.h"
#include "app/session.h"
#include "base/units.h"

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
        size_t checks = config_count_checks(session.config);
        (void)printf("ok: %zu target%s, %zu check%s",
                     session.config->target_count,
                     units_s((int64_t)session.config->target_count),
                     checks,
                     units_s((int64_t)checks));
        if (session.entries->count)
            (void)printf(", %zu remediation%s",
                         session.entries->count,
                         units_s((int64_t)session.entries->count));
        if (session.config->elsewhere)
            (void)printf("; %zu targets are left to agents of another role",
                         session.config->elsewhere);
        (void)printf("%s\n", options->offline ? "; secrets were not read" : "");
        code = EXIT_FINE;
    }
    session_close(&session);
    return code;
}
