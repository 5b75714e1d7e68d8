/* once - every check one time, now. */
#include <stdio.h>

#include "app/agent.h"
#include "app/command.h"
#include "app/session.h"

int cmd_once(const struct options *options)
{
    struct session session;
    int code = EXIT_UNKNOWN;
    if (options->path_count == 0) {
        (void)fprintf(
            stderr,
            "runbookd: once needs a configuration: -c PATH; without one try: runbookd probe URL\n");
        return EXIT_UNKNOWN;
    }
    if (!session_open(&session, options))
        return EXIT_UNKNOWN;
    if (session_configure(&session, options))
        code = agent_once(&session, options);
    session_close(&session);
    return code;
}
