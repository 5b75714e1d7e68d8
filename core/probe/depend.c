#include "probe/depend.h"

#include <string.h>

#include "probe/schedule.h"

enum { AGAIN_WITHIN_MS = 500 };

/* ---------------------------------------------------------------- ties ---- */

static struct duty *find(const struct schedule *schedule, const struct config_need *need)
{
    struct target *target;
    list_for_each(target, &schedule->targets, struct target, link) {
        if (strcmp(target->config->name, need->target) != 0)
            continue;
        for (size_t i = 0; i < target->duty_count; i++)
            if (strcmp(target->duties[i].config->name, need->name) == 0)
                return &target->duties[i];
    }
    return NULL;
}

static void add(struct duty ***all, size_t *count, struct duty *duty)
{
    *all = mem_resize(*all, (*count + 1) * sizeof(struct duty *));
    (*all)[(*count)++] = duty;
}

static void tie(struct duty *duty)
{
    for (size_t i = 0; i < duty->config->need_count; i++) {
        struct duty *need = find(duty->target->schedule, &duty->config->needs[i]);
        if (!need)
            continue;
        add(&duty->needs, &duty->need_count, need);
        add(&need->needed_by, &need->needed_by_count, duty);
    }
}

void depend_tie(struct schedule *schedule)
{
    struct target *target;
    list_for_each(target, &schedule->targets, struct target, link) {
        for (size_t i = 0; i < target->duty_count; i++)
            tie(&target->duties[i]);
    }
    list_for_each(target, &schedule->targets, struct target, link) {
        depend_update_all(target);
    }
}

void depend_untie(struct schedule *schedule)
{
    struct target *target;
    list_for_each(target, &schedule->targets, struct target, link) {
        for (size_t i = 0; i < target->duty_count; i++) {
            struct duty *duty = &target->duties[i];
            free(duty->needs);
            free(duty->needed_by);
            duty->needs = duty->needed_by = NULL;
            duty->need_count = duty->needed_by_count = 0;
        }
    }
}

/* --------------------------------------------------------------- waiting ---- */

static bool is_held(const struct duty *duty)
{
    const struct duty *connect = duty->target->connect;
    for (size_t i = 0; i < duty->need_count; i++)
        if (duty->needs[i]->failing)
            return true;
    return connect && connect != duty && connect->held;
}

static bool is_critical(const struct duty *duty)
{
    return duty->needed_by_count && ledger_worst(duty->target->schedule->ledger,
                                                 duty->target->config->name,
                                                 duty->config->name) == PROBE_CRITICAL;
}

void depend_update(struct duty *duty)
{
    struct target *target = duty->target;
    bool held = is_held(duty), was_held = duty->held, was_failing = duty->failing;
    if (target->schedule->once || target->schedule->closing)
        return;
    duty->held = held;
    duty->failing = !target->resting && (target_holds(duty) || is_critical(duty));
    if (held && !was_held)
        target_hold(duty);
    else if (was_held && !held && duty->state == DUTY_IDLE)
        schedule_soon(duty, AGAIN_WITHIN_MS);
    if (duty->failing != was_failing)
        for (size_t i = 0; i < duty->needed_by_count; i++)
            depend_update(duty->needed_by[i]);
    if (held != was_held && duty == target->connect)
        depend_update_all(target);
}

void depend_update_all(struct target *target)
{
    for (size_t i = 0; i < target->duty_count; i++)
        depend_update(&target->duties[i]);
}

/* ----------------------------------------------------------------- names ---- */

struct names {
    const struct target *target;
    const char **all;
    size_t count;
    uint64_t round;
};

static void name_dependents(struct duty *duty, bool down, struct names *names);

static void name(struct duty *duty, struct names *names)
{
    if (duty->named == names->round)
        return;
    duty->named = names->round;
    names->all = mem_resize(names->all, (names->count + 2) * sizeof(*names->all));
    names->all[names->count++] = duty->target == names->target ? duty->config->name : duty->label;
    name_dependents(duty, duty == duty->target->connect, names);
}

/* Those that wait for this one; with `down` also its target's. */
static void name_dependents(struct duty *duty, bool down, struct names *names)
{
    struct target *target = duty->target;
    for (size_t i = 0; down && i < target->duty_count; i++)
        name(&target->duties[i], names);
    for (size_t i = 0; i < duty->needed_by_count; i++)
        name(duty->needed_by[i], names);
}

const char **depend_names(struct duty *duty, bool down)
{
    struct names names = {
        duty->target, mem_new(sizeof(*names.all)), 0, ++duty->target->schedule->round};
    duty->named = names.round; /* not itself */
    name_dependents(duty, down, &names);
    names.all[names.count] = NULL;
    return names.all;
}
