#include "probe/act.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "io/loop.h"
#include "probe/answer.h"
#include "probe/schedule.h"

enum { DEFAULT_TIMEOUT_MS = 10000 };

/* The target that an action sees, where the configuration has `act_as`. */
struct actor {
    struct timer leave; /* pending while nothing is at work */
    struct tether tether;
    struct probe_target face;
};

TETHER_FITS(struct actor);

struct act {
    struct list link; /* of its target; the first one is at work */
    struct target *target;
    bool planning;
    bool at_work, over, timed_out;
    struct probe_step step; /* without a key: none */
    act_planned_fn *planned;
    act_applied_fn *applied;
    void *data;
    int64_t timeout_ms;
    struct timer start, deadline, burial;
    struct answer answer;
    char *label; /* "orders-db:terminate_sessions" */
    struct tether tether;
    struct probe_run face;
};

TETHER_FITS(struct act);

static struct act *act_of(struct probe_run *face)
{
    return container_of(face, struct act, face);
}

/* ---------------------------------------------------------------- actor ---- */

static int actor_create(struct target *target, struct host_refusal *refusal)
{
    const struct config_target *config = target->config;
    const struct probe_plugin *plugin = &config->plugin->face;
    struct actor *actor = mem_new(sizeof(*actor));
    life_init(&actor->tether.life, target->schedule->loop);
    actor->tether.life.owner = &config->plugin->blame;
    actor->tether.sizes = &plugin->sizes;
    actor->tether.name = config->name;
    actor->tether.notes = &target->notes;
    actor->face = (struct probe_target){
        .life = {&host_services},
        .name = config->name,
        .config = config->act_as.config,
        .data = plugin->data_size ? mem_new(plugin->data_size) : NULL,
    };
    int status = 0;
    if (plugin->create)
        BLAME(&config->plugin->blame, status = plugin->create(&actor->face, &refusal->face));
    if (status == 0) {
        target->actor = actor;
        return 0;
    }
    life_drop(&actor->tether.life);
    free(actor->face.data);
    free(actor);
    return status;
}

static void actor_destroy(struct target *target)
{
    struct actor *actor = target->actor;
    const struct probe_plugin *plugin = &target->config->plugin->face;
    if (!actor)
        return;
    target->actor = NULL;
    timer_stop(&actor->leave);
    life_end(&actor->tether.life, -ECANCELED);
    if (plugin->destroy)
        BLAME(&target->config->plugin->blame, plugin->destroy(&actor->face));
    life_drop(&actor->tether.life);
    free(actor->face.data);
    free(actor);
}

static void on_leave(void *data)
{
    actor_destroy(data);
}

int act_check(struct target *target, struct host_refusal *refusal)
{
    int status = target->config->act_as.config ? actor_create(target, refusal) : 0;
    actor_destroy(target);
    return status;
}

/* -------------------------------------------------------------- the end ---- */

static void pump(struct target *target);

static void act_free(struct act *act)
{
    timer_stop(&act->start);
    timer_stop(&act->deadline);
    timer_stop(&act->burial);
    list_remove(&act->link);
    life_drop(&act->tether.life);
    act_step_finish(&act->step);
    answer_finish(&act->answer);
    free(act->face.data);
    free(act->label);
    free(act);
}

/* The answer goes out last, when nothing here is touched any more: who hears it may end all. */
static void tell(struct act *act)
{
    struct answer answer = act->answer;
    act_planned_fn *planned = act->planned;
    act_applied_fn *applied = act->applied;
    void *data = act->data;
    struct act_failure failure = {
        .status = answer.status,
        .how = answer.how,
        .begun = act->at_work,
        .reason = answer.reason,
        .summary = answer.summary,
        .hint = answer.hint,
    };
    struct act_result result = {
        .outcome = answer.outcome,
        .summary = answer.summary,
        .json = answer.json,
        .undo = answer.undo.key ? &answer.undo : NULL,
    };
    act->answer = (struct answer){0};
    act_free(act);
    if (planned)
        planned(answer.status ? &failure : NULL, answer.plan, data);
    else
        applied(answer.status ? &failure : NULL, answer.status ? NULL : &result, data);
    answer.plan = NULL;
    answer_finish(&answer);
}

/* Lets the plugin forget it; a login that failed, or may be in the midst of something, is not kept. */
static void forget(struct act *act)
{
    struct target *target = act->target;
    const struct probe_action *action = act->face.action;
    timer_stop(&act->burial);
    if (act->at_work && action->ended)
        BLAME(act->tether.life.owner, action->ended(act->face.target, &act->face));
    life_drop(&act->tether.life);
    if (!target->actor || !act->at_work)
        return;
    if (act->answer.status)
        actor_destroy(target);
    else
        timer_start(&target->actor->leave, target->schedule->loop, ACT_LINGER_MS, on_leave, target);
}

static void bury(void *data)
{
    struct act *act = data;
    struct target *target = act->target;
    forget(act);
    list_remove(&act->link);
    pump(target);
    tell(act);
}

static void end(struct act *act)
{
    act->over = true;
    timer_stop(&act->deadline);
    life_drop(&act->tether.life);
    timer_start(&act->burial, act->tether.life.loop, 0, bury, act);
}

static void on_deadline(void *data)
{
    struct act *act = data;
    char limit[UNITS_DURATION_LEN];
    act->timed_out = true;
    life_end(&act->tether.life, -ETIMEDOUT);
    if (act->over)
        return;
    units_print_duration(act->timeout_ms, limit);
    answer_fail(&act->answer, -ETIMEDOUT, "timeout", "no answer within %s", limit);
    end(act);
}

/* Has the plugin end it, if it is at work. */
static void call_off(struct act *act)
{
    if (!act->over) {
        if (act->at_work)
            life_end(&act->tether.life, -ECANCELED);
        answer_fail(&act->answer, -ECANCELED, "canceled", "it was called off");
        act->over = true;
    }
    forget(act);
}

void act_cancel(struct act *act)
{
    struct target *target = act->target;
    call_off(act);
    act_free(act);
    pump(target);
}

void act_end_all(struct target *target)
{
    struct act *act;
    target->acts_closed = true;
    list_for_each(act, &target->acts, struct act, link)
        call_off(act);
    actor_destroy(target);
    while (!list_empty(&target->acts))
        tell(list_first(&target->acts, struct act, link));
}

/* --------------------------------------------------------- what it says ---- */

/* Whether it may still say something. */
static bool listens(struct act *act)
{
    if (act->over && !act->timed_out) /* else it may not know yet that we did */
        log_error("%s: the plugin ended an action twice", act->label);
    return !act->over;
}

void act_refuse_finding(struct probe_run *face)
{
    log_error("%s: the plugin reported a finding in an action", act_of(face)->label);
}

void act_end(struct probe_run *face, const struct probe_ending *ending)
{
    struct act *act = act_of(face);
    struct probe_ending own = {0};
    if (!listens(act))
        return;
    if (ending) {
        memcpy(&own, ending, ending->size < sizeof(own) ? ending->size : sizeof(own));
        answer_take_ending(&act->answer, &own);
    } else {
        answer_fail(&act->answer,
                    -EPROTO,
                    "protocol",
                    "the plugin ended without saying what %s",
                    act->planning ? "it would do" : "was done");
    }
    end(act);
}

void act_planned(struct probe_run *face, const struct probe_plan *plan)
{
    struct act *act = act_of(face);
    if (!listens(act))
        return;
    if (act->planning)
        answer_take_plan(&act->answer, plan, act->face.action->effect, act->tether.sizes->step);
    else
        answer_fail(&act->answer, -EPROTO, "protocol", "the plugin answered apply() with a plan");
    end(act);
}

void act_applied(struct probe_run *face, const struct probe_result *result)
{
    struct act *act = act_of(face);
    if (!listens(act))
        return;
    if (!act->planning)
        answer_take_result(&act->answer, result, act->tether.sizes->step);
    else
        answer_fail(&act->answer, -EPROTO, "protocol", "the plugin answered plan() with a result");
    end(act);
}

/* ------------------------------------------------------------ its start ---- */

/* The target that it sees; NULL: it may not begin, and why is answered. */
static struct probe_target *target_for(struct act *act)
{
    struct target *target = act->target;
    struct host_refusal refusal;
    if (!target->config->act_as.config)
        return &target->face;
    if (target->actor) {
        timer_stop(&target->actor->leave);
        return &target->actor->face;
    }
    host_refusal_init(&refusal);
    if (actor_create(target, &refusal) < 0)
        answer_fail(&act->answer,
                    -EINVAL,
                    "refused",
                    "act_as is refused: %s",
                    refusal.text ? refusal.text : "the plugin did not say why");
    host_refusal_finish(&refusal);
    return target->actor ? &target->actor->face : NULL;
}

static void begin(struct act *act)
{
    struct loop *loop = act->tether.life.loop;
    const struct probe_action *action = act->face.action;
    struct probe_target *face = target_for(act);
    if (!face) {
        end(act);
        return;
    }
    act->at_work = true;
    act->face.target = face;
    act->face.data = action->run_size ? mem_new(action->run_size) : NULL;
    act->face.deadline_ms = loop_now_us(loop) / 1000u + (uint64_t)act->timeout_ms;
    timer_start(&act->deadline, loop, (uint64_t)act->timeout_ms, on_deadline, act);
    if (act->planning)
        BLAME(act->tether.life.owner, action->plan(face, &act->face));
    else
        BLAME(act->tether.life.owner,
              action->apply(face, &act->face, act->step.key ? &act->step : NULL));
}

static void on_start(void *data)
{
    struct act *act = data;
    if (act->answer.status)
        bury(act);
    else
        begin(act);
}

/* The first one begins, on the next turn: nothing is called back within act_plan(). */
static void pump(struct target *target)
{
    if (list_empty(&target->acts) || target->acts_closed)
        return;
    struct act *first = list_first(&target->acts, struct act, link);
    if (!first->at_work && !first->over && !timer_pending(&first->start))
        timer_start(&first->start, first->tether.life.loop, 0, on_start, first);
}

static unsigned waiting(struct target *target)
{
    unsigned count = 0;
    struct act *act;
    list_for_each(act, &target->acts, struct act, link)
        count += act->answer.status == 0;
    return count;
}

/* What stands against it before anybody is asked. */
static void refuse(struct act *act)
{
    struct target *target = act->target;
    const struct probe_action *action = act->face.action;
    const struct plugin *plugin = target->config->plugin;
    if (plugin->aside) {
        answer_fail(&act->answer, -ECANCELED, "set_aside", "%s", plugin->aside);
        answer_hint(&act->answer, plugin->hint);
    } else if (action->effect != PROBE_READS && !action->declared &&
               !target->config->act_as.config) {
        answer_fail(&act->answer,
                    -EPERM,
                    "no_act_as",
                    "%s has no act_as: nothing may be changed there",
                    target->config->name);
        answer_hint(&act->answer,
                    "add act_as: {user: ..., password: ...} to the target, with a login that may; "
                    "act_as: {} acts with the one that looks");
    } else if (act->planning && !action->plan) {
        answer_fail(
            &act->answer, -EINVAL, "no_plan", "%s only reads: it has no plan", action->name);
    } else if (waiting(target) >= ACT_WAITING) {
        answer_fail(&act->answer,
                    -EBUSY,
                    "busy",
                    "%d actions of %s wait already",
                    (int)ACT_WAITING,
                    target->config->name);
    }
}

static struct act *create(struct target *target, const struct probe_action *action,
                          const void *config, void *data)
{
    const struct plugin *plugin = target->config->plugin;
    struct act *act = mem_new(sizeof(*act));
    act->target = target;
    act->data = data;
    act->timeout_ms = DEFAULT_TIMEOUT_MS;
    if (action->timeout)
        (void)units_duration(action->timeout, &act->timeout_ms);
    act->label = mem_print("%s:%s", target->config->name, action->name);
    life_init(&act->tether.life, target->schedule->loop);
    act->tether.life.owner = &plugin->blame;
    act->tether.sizes = &plugin->face.sizes;
    act->tether.name = act->label;
    act->tether.notes = &target->notes;
    act->face = (struct probe_run){
        .life = {&host_services},
        .action = action,
        .name = action->name,
        .config = config,
    };
    list_init(&act->link);
    return act;
}

static struct act *enter(struct act *act)
{
    assert(!act->target->acts_closed);
    refuse(act);
    list_add(&act->target->acts, &act->link);
    if (act->answer.status) /* needs not wait for the others */
        timer_start(&act->start, act->tether.life.loop, 0, on_start, act);
    pump(act->target);
    return act;
}

struct act *act_plan(struct target *target, const struct probe_action *action, const void *config,
                     act_planned_fn *fn, void *data)
{
    struct act *act = create(target, action, config, data);
    act->planning = true;
    act->planned = fn;
    return enter(act);
}

struct act *act_apply(struct target *target, const struct probe_action *action, const void *config,
                      const struct probe_step *step, act_applied_fn *fn, void *data)
{
    struct act *act = create(target, action, config, data);
    act->applied = fn;
    if (step)
        act->step = act_step_copy(step);
    return enter(act);
}
