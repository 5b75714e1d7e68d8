#include "app/upkeep.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "io/loop.h"

enum { LAST_WRITE_MS = 2000 };

static void say(const struct upkeep *upkeep, enum log_level level, const char *step,
                const char *message)
{
    const struct schedule *schedule = upkeep->schedule;
    (void)event_emit_agent(
        schedule->bus, level, step, message, loop_wall_ms(schedule->loop), NULL, NULL);
}

static bool must_come_up(const struct session *session)
{
    enum config_role role = session->config->agent.role;
    return role == ROLE_SIDECAR || role == ROLE_NODE || session->errors;
}

bool upkeep_open(struct upkeep *upkeep, struct session *session, struct schedule *schedule)
{
    const char *folder = session->config->agent.state;
    *upkeep = (struct upkeep){.session = session, .schedule = schedule};
    if (!folder)
        return true;
    upkeep->keep =
        keep_open(schedule->loop, schedule->ledger, folder, &upkeep->damaged, &upkeep->error);
    if (upkeep->keep) {
        keep_serve_notes(upkeep->keep, schedule);
        return true;
    }
    if (upkeep->error.code != -EBUSY || must_come_up(session))
        return true;
    log_error("%s; %s", upkeep->error.message, upkeep->error.hint);
    return false;
}

static void on_news(const struct keep_news *news, void *data)
{
    say(data, news->level, news->step, news->message);
}

static void say_configuration(const struct upkeep *upkeep)
{
    const struct session *session = upkeep->session;
    if (!session->errors)
        return;
    MEM_AUTO char *message = mem_print(
        "the configuration has %zu error%s: %s",
        session->errors,
        units_s((int64_t)session->errors),
        session->without ? "there is no good one, and nothing is watched until it is right"
                         : "the last good one is in force until it is right");
    say(upkeep, LOG_ERROR, "config_last_good", message);
}

static void say_state(const struct upkeep *upkeep)
{
    const char *folder = upkeep->session->config->agent.state;
    if (upkeep->damaged) {
        MEM_AUTO char *message =
            mem_print("the state in %s was damaged: it was set aside, and begins anew", folder);
        say(upkeep, LOG_ERROR, "state_damaged", message);
    }
    if (folder && !upkeep->keep) {
        MEM_AUTO char *message = mem_print("the agent goes on without state: %s%s%s",
                                           upkeep->error.message,
                                           *upkeep->error.hint ? "; " : "",
                                           upkeep->error.hint);
        log_error("%s", message);
        say(upkeep, LOG_ERROR, "state_unavailable", message);
    }
}

void upkeep_begin(struct upkeep *upkeep)
{
    say_configuration(upkeep);
    say_state(upkeep);
    if (!upkeep->keep)
        return;
    keep_tell(upkeep->keep, on_news, upkeep);
    if (!upkeep->session->without)
        keep_take_over(upkeep->keep, upkeep->schedule, upkeep->session->config);
    if (!upkeep->session->errors)
        keep_config(upkeep->keep, upkeep->session->config);
}

void upkeep_renew(struct upkeep *upkeep)
{
    if (!upkeep->keep)
        return;
    keep_take_over(upkeep->keep, upkeep->schedule, upkeep->session->config);
    keep_config(upkeep->keep, upkeep->session->config);
}

const char *upkeep_word(const struct upkeep *upkeep)
{
    return !upkeep->keep ? "none" : keep_works(upkeep->keep) ? "kept" : "failed";
}

void upkeep_close(struct upkeep *upkeep)
{
    keep_close(upkeep->keep, LAST_WRITE_MS);
    upkeep->keep = NULL;
}
