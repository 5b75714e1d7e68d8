#include "probe/rest.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "io/loop.h"
#include "probe/act.h"
#include "probe/board.h"
#include "probe/depend.h"
#include "probe/run.h"
#include "probe/schedule.h"

bool rest_serves(const struct target *target)
{
    const struct schedule *schedule = target->schedule;
    return target->config->where == PROBE_NODE || !schedule->serves ||
           (!target->resting && schedule->serves(schedule->serves_data));
}

/* The plugin's target once more, as if nothing had ever been asked. */
static void make_anew(struct target *target)
{
    const struct plugin *plugin = target->config->plugin;
    struct host_refusal refusal;
    int status = 0;
    life_end(&target->tether.life, -ECANCELED);
    if (target->created && plugin->face.destroy)
        BLAME(&plugin->blame, plugin->face.destroy(&target->face));
    life_drop(&target->tether.life);
    life_init(&target->tether.life, target->schedule->loop);
    target->tether.life.owner = &plugin->blame;
    if (plugin->face.data_size)
        memset(target->face.data, 0, plugin->face.data_size);
    host_refusal_init(&refusal);
    if (target->created && plugin->face.create)
        BLAME(&plugin->blame, status = plugin->face.create(&target->face, &refusal.face));
    if (status < 0) {
        target->created = false;
        target->lost = true;
        log_error("%s: the plugin refuses what it has accepted before: %s",
                  target->config->name,
                  refusal.text ? refusal.text : "it does not say why");
    }
    host_refusal_finish(&refusal);
}

/* It goes on, elsewhere. */
static void on_forgotten(const char *subject, const struct ledger_report *report, void *data)
{
    (void)subject;
    (void)report;
    (void)data;
}

static void forget(struct duty *duty)
{
    struct schedule *schedule = duty->target->schedule;
    const struct ledger_clock clock = {loop_now_us(schedule->loop) / 1000u,
                                       loop_wall_ms(schedule->loop)};
    ledger_forget(schedule->ledger,
                  duty->target->config->name,
                  duty->config->name,
                  NULL,
                  true,
                  "removed",
                  clock,
                  on_forgotten,
                  NULL);
    board_forget(schedule->board, duty->target->config->name, duty->config->name);
}

static void lay_down(struct target *target)
{
    target->resting = true;
    target->down = false;
    list_remove(&target->blocked);
    for (size_t i = 0; i < target->duty_count; i++) {
        struct duty *duty = &target->duties[i];
        target_hold(duty);
        timer_stop(&duty->due);
        if (duty->run)
            run_abandon(duty->run);
        timer_stop(&duty->due);
        duty->failures = 0;
        forget(duty);
    }
    act_end_all(target);
    target->acts_closed = false;
    make_anew(target);
    depend_update_all(target);
}

void rest_begin(struct schedule *schedule)
{
    struct target *target;
    schedule->resting = true;
    list_for_each(target, &schedule->targets, struct target, link) {
        if (target->config->where == PROBE_CLUSTER && !target->resting)
            lay_down(target);
    }
}

void rest_end(struct schedule *schedule)
{
    struct target *target;
    schedule->resting = false;
    list_for_each(target, &schedule->targets, struct target, link) {
        if (!target->resting || target->lost)
            continue;
        target->resting = false;
        depend_update_all(target);
        if (!schedule->driven)
            schedule_begin(target);
    }
}
