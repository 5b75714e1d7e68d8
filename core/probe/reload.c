#include "probe/reload.h"

#include <errno.h>
#include <string.h>

#include "probe/depend.h"
#include "probe/verdict.h"

static struct target *find_target(const struct list *targets, const char *name)
{
    for (const struct list *link = targets->next; link != targets; link = link->next) {
        struct target *target = container_of(link, struct target, link);
        if (strcmp(target->config->name, name) == 0)
            return target;
    }
    return NULL;
}

static const struct config_target *find_config(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->target_count; i++)
        if (strcmp(config->targets[i].name, name) == 0)
            return &config->targets[i];
    return NULL;
}

static bool has_check(const struct config_target *target, const char *name)
{
    for (size_t i = 0; target && i < target->check_count; i++)
        if (strcmp(target->checks[i].name, name) == 0)
            return true;
    return false;
}

static bool same(const struct target *old, const struct config_target *wanted)
{
    return old && wanted && strcmp(old->config->digest, wanted->digest) == 0;
}

/* Makes what is new or changed, into `made`; nothing of it runs yet. */
static int make(struct schedule *schedule, struct config *config, struct list *made,
                struct problems *problems)
{
    int status = 0;
    for (size_t i = 0; i < config->target_count; i++) {
        if (same(find_target(&schedule->targets, config->targets[i].name), &config->targets[i]))
            continue;
        struct target *target = target_create(schedule, config, &config->targets[i], problems);
        if (target)
            list_add(made, &target->link);
        else
            status = -EINVAL;
    }
    return status;
}

/* Closes what was said of checks that are there no longer, and ends the target. */
static void dismiss(struct target *old, const struct config_target *wanted)
{
    for (size_t i = 0; i < old->duty_count; i++)
        if (!has_check(wanted, old->duties[i].config->name))
            verdict_removed(&old->duties[i]);
    old->schedule->duty_count -= old->duty_count;
    target_destroy(old);
}

int reload_take(struct schedule *schedule, struct config *config, struct problems *problems,
                struct reload_changes *ret_changes)
{
    struct reload_changes changes = {0};
    struct target *target;
    struct list made;

    list_init(&made);
    if (make(schedule, config, &made, problems) < 0) {
        list_for_each(target, &made, struct target, link) {
            target_destroy(target);
        }
        return -EINVAL;
    }
    depend_untie(schedule);
    list_for_each(target, &schedule->targets, struct target, link) {
        const struct config_target *wanted = find_config(config, target->config->name);
        if (same(target, wanted)) {
            changes.kept++;
            continue;
        }
        changes.changed += wanted != NULL;
        changes.removed += wanted == NULL;
        dismiss(target, wanted);
    }
    schedule->most = (unsigned)config->agent.most_at_once;
    list_for_each(target, &made, struct target, link) {
        list_remove(&target->link);
        list_add(&schedule->targets, &target->link);
        schedule->duty_count += target->duty_count;
        changes.added++;
        schedule_begin(target);
    }
    depend_tie(schedule);
    isolation_use(schedule->isolation, config);
    changes.added -= changes.changed;
    *ret_changes = changes;
    return 0;
}
