/* run - the agent. */

#include "app/agent.h"
#include "app/command.h"
#include "app/fallback.h"
#include "app/session.h"
#include "app/voice.h"
#include "base/log.h"
#include "io/notify.h"
#include "probe/discover.h"

static void on_found(const char *line, void *data)
{
    (void)data;
    log_info("%s", line);
}

/* Without a configuration: what the environment names, looked at only. */
static bool configure(struct session *session, const struct options *options)
{
    if (options->path_count)
        return session_configure(session, options) ||
               fallback_take(session, options, session->errors);
    json_t *root = discover_targets(&session->plugins, on_found, NULL);
    if (!root) {
        log_error("no configuration was named, and no variable such as DATABASE_URL or REDIS_URL "
                  "names a target; write -c PATH, or try: runbookd probe URL");
        return false;
    }
    bool built = session_build(session, root, "the environment");
    session_take_entries(session, options);
    return built;
}

int cmd_run(const struct options *options)
{
    struct quarantine quarantine;
    struct session session;
    int code = EXIT_REFUSED;
    voice_begin();
    struct notify *notify = notify_open(); /* before anything is started that could inherit it */
    quarantine_open(&quarantine, options->paths, options->path_count);
    if (!session_open_guarded(&session, options, &quarantine)) {
        quarantine_close(&quarantine);
        notify_close(notify);
        return EXIT_REFUSED;
    }
    session.notify = notify;
    if (configure(&session, options))
        code = agent_run(&session, options);
    if (session.refusals && !session.errors && fallback_take(&session, options, session.refusals))
        code = agent_run(&session, options);
    session_close(&session);
    quarantine_close(&quarantine);
    notify_close(notify);
    return code;
}
