#include "probe/target.h"
#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "io/loop.h"
#include "probe/act.h"
#include "probe/depend.h"
#include "probe/rest.h"
#include "probe/run.h"
#include "probe/schedule.h"
#include "probe/verdict.h"

/* ----------------------------------------------------------- beginning ---- */

/* Adds what a plugin refused to the problems: where the option was written, or at `place`. */
static void add_refusal(struct problems *problems, const struct host_refusal *refusal,
                        struct place place, const struct node *written, const char *key)
{
    if (refusal->option && node_find(written, refusal->option))
        place = node_place(written, refusal->option);
    MEM_AUTO char *full =
        refusal->option ? mem_print("%s.%s", key, refusal->option) : mem_copy(key);
    problem_add(problems,
                place,
                full,
                "%s",
                refusal->text ? refusal->text : "the plugin refuses this, without saying why");
}

/* The target of that name which is at work while a new one is made; NULL: none. */
static const struct target *working(const struct schedule *schedule, const char *name)
{
    const struct list *link = &schedule->targets;
    while (schedule->begun && (link = link->next) != &schedule->targets) {
        const struct target *target = container_of(link, struct target, link);
        if (strcmp(target->config->name, name) == 0)
            return target;
    }
    return NULL;
}

/* Its notes are those of the target that it takes over from, or those that were kept. */
static void recall(struct target *target, const char *name, struct notes *notes)
{
    const struct schedule *schedule = target->schedule;
    const struct target *old = working(schedule, target->config->name);
    if (old && !*name)
        notes_copy(notes, &old->notes);
    for (size_t i = 0; old && *name && i < old->duty_count; i++)
        if (strcmp(old->duties[i].config->name, name) == 0)
            notes_copy(notes, &old->duties[i].notes);
    if (!old && schedule->notes.recall) {
        schedule->notes.recall(target->config->name, name, notes, schedule->notes.data);
        notes->changed = false;
    }
}

static void remember(const struct target *target, const char *name, struct notes *notes)
{
    const struct schedule_notes *keeper = &target->schedule->notes;
    if (notes->changed && keeper->remember)
        keeper->remember(target->config->name, name, notes, keeper->data);
    notes->changed = false;
}

void target_remember(struct target *target)
{
    remember(target, "", &target->notes);
    for (size_t i = 0; i < target->duty_count; i++)
        remember(target, target->duties[i].config->name, &target->duties[i].notes);
}

static int duty_init(struct duty *duty, struct target *target, const struct config_check *config,
                     struct problems *problems)
{
    const struct probe_check *check = &config->check->face;
    const struct plugin *plugin = target->config->plugin;
    struct host_refusal refusal;
    int status = 0;

    duty->target = target;
    duty->config = config;
    duty->label = mem_print("%s/%s", target->config->name, config->name);
    duty->memory = check->memory_size ? mem_new(check->memory_size) : NULL;
    list_init(&duty->link);
    recall(target, config->name, &duty->notes);
    if (!check->prepare || plugin->aside)
        return 0;
    host_refusal_init(&refusal);
    BLAME(&plugin->blame, status = check->prepare(config->config, duty->memory, &refusal.face));
    if (status < 0) {
        MEM_AUTO char *key = mem_print("targets.%s.checks.%s", target->config->name, config->name);
        add_refusal(problems, &refusal, config->place, config->written, key);
        free(duty->memory);
        duty->memory = NULL; /* never prepared: nothing to forget */
    }
    host_refusal_finish(&refusal);
    return status;
}

static void duty_finish(struct duty *duty)
{
    const struct probe_check *check = duty->config ? &duty->config->check->face : NULL;
    timer_stop(&duty->due);
    timer_stop(&duty->late);
    if (check && check->forget && duty->memory && !duty->target->config->plugin->aside)
        BLAME(&duty->target->config->plugin->blame, check->forget(duty->memory));
    free(duty->memory);
    free(duty->label);
    notes_finish(&duty->notes);
}

/* What the plugin has against `act_as` is found out before something burns. */
static int check_actor(struct target *target, struct problems *problems)
{
    struct host_refusal refusal;
    const struct config_actor *act_as = &target->config->act_as;
    host_refusal_init(&refusal);
    int status = act_check(target, &refusal);
    if (status < 0) {
        MEM_AUTO char *key = mem_print("targets.%s.act_as", target->config->name);
        add_refusal(problems, &refusal, act_as->written->place, act_as->written, key);
    }
    host_refusal_finish(&refusal);
    return status;
}

static int create(struct target *target, struct problems *problems)
{
    const struct plugin *plugin = target->config->plugin;
    struct host_refusal refusal;
    int status = 0;

    if (plugin->aside)
        return 0;
    host_refusal_init(&refusal);
    if (plugin->face.create)
        BLAME(&plugin->blame, status = plugin->face.create(&target->face, &refusal.face));
    target->created = status == 0;
    if (status < 0) {
        MEM_AUTO char *key = mem_print("targets.%s", target->config->name);
        add_refusal(problems, &refusal, target->config->place, target->config->written, key);
    }
    host_refusal_finish(&refusal);
    return status < 0 ? status : check_actor(target, problems);
}

struct target *target_create(struct schedule *schedule, struct config *whole,
                             const struct config_target *config, struct problems *problems)
{
    const struct probe_plugin *plugin = &config->plugin->face;
    struct target *target = mem_new(sizeof(*target));
    int status;

    target->schedule = schedule;
    target->whole = config_hold(whole);
    target->config = config;
    target->resting = schedule->resting && config->where == PROBE_CLUSTER;
    list_init(&target->link);
    list_init(&target->blocked);
    list_init(&target->queue);
    list_init(&target->acts);
    life_init(&target->tether.life, schedule->loop);
    target->tether.life.owner = &config->plugin->blame;
    target->tether.sizes = &plugin->sizes;
    target->tether.name = config->name;
    target->tether.notes = &target->notes;
    target->face = (struct probe_target){
        .life = {&host_services},
        .name = config->name,
        .config = config->config,
        .data = plugin->data_size ? mem_new(plugin->data_size) : NULL,
    };
    recall(target, "", &target->notes);
    status = create(target, problems);
    target->duties = mem_array(config->check_count, sizeof(*target->duties));
    for (size_t i = 0; i < config->check_count; i++) {
        const struct config_check *check = &config->checks[i];
        if (schedule->wants && !schedule->wants(config, check, schedule->wants_data))
            continue;
        struct duty *duty = &target->duties[target->duty_count++];
        if (duty_init(duty, target, check, problems) < 0)
            status = -EINVAL;
        if (strcmp(check->check->face.name, "connect") == 0 && !target->connect)
            target->connect = duty;
    }
    if (status < 0) {
        target_destroy(target);
        return NULL;
    }
    return target;
}

void target_destroy(struct target *target)
{
    if (!target)
        return;
    const struct probe_plugin *plugin = &target->config->plugin->face;
    for (size_t i = 0; i < target->duty_count; i++) {
        timer_stop(&target->duties[i].due);
        timer_stop(&target->duties[i].late);
        list_remove(&target->duties[i].link);
    }
    for (size_t i = 0; i < target->duty_count; i++)
        if (target->duties[i].run)
            run_abandon(target->duties[i].run);
    act_end_all(target);
    life_end(&target->tether.life, -ECANCELED);
    if (target->created && plugin->destroy)
        BLAME(&target->config->plugin->blame, plugin->destroy(&target->face));
    target_remember(target);
    life_drop(&target->tether.life);
    for (size_t i = 0; i < target->duty_count; i++)
        duty_finish(&target->duties[i]);
    list_remove(&target->link);
    list_remove(&target->blocked);
    notes_finish(&target->notes);
    config_destroy(target->whole);
    free(target->duties);
    free(target->face.data);
    free(target);
}

/* --------------------------------------------------------------- queue ---- */

bool target_holds(const struct duty *duty)
{
    return duty->held || (duty->target->down && duty != duty->target->connect);
}

static bool is_stream(const struct duty *duty)
{
    return duty->config->check->face.mode == PROBE_STREAMING;
}

/* Against `parallel`: connect stands outside the queue, and a stream would keep its place for ever. */
static bool counts(const struct duty *duty)
{
    return duty != duty->target->connect && !is_stream(duty);
}

static bool has_room(const struct target *target)
{
    unsigned parallel = target->config->plugin->face.parallel;
    return parallel == 0 || target->running < parallel;
}

static void start(struct duty *duty)
{
    struct target *target = duty->target;
    struct schedule *schedule = target->schedule;
    uint64_t now = loop_now_us(schedule->loop);
    uint64_t late = now > duty->due_us ? now - duty->due_us : 0;

    list_remove(&duty->link);
    timer_stop(&duty->late);
    duty->state = DUTY_RUNNING;
    target->running += counts(duty);
    target->alive++;
    schedule->running += !is_stream(duty);
    schedule->stats.runs++;
    schedule->stats.late += late > 100000;
    if (late > schedule->stats.late_worst_us)
        schedule->stats.late_worst_us = late;
    run_start(duty);
}

void target_pump(struct target *target)
{
    struct schedule *schedule = target->schedule;
    struct duty *duty;
    if (schedule->closing || !rest_serves(target))
        return;
    list_for_each(duty, &target->queue, struct duty, link) {
        if (counts(duty) && !has_room(target))
            continue;
        if (schedule->running >= schedule->most && !is_stream(duty)) {
            if (list_empty(&target->blocked))
                list_add(&schedule->blocked, &target->blocked);
            return;
        }
        start(duty);
    }
}

/* A duty that is held has nothing to run; `once` counts it as asked. */
static void hold(struct duty *duty)
{
    list_remove(&duty->link);
    timer_stop(&duty->late);
    duty->state = DUTY_IDLE;
    schedule_next(duty, 0, 0);
}

void target_hold(struct duty *duty)
{
    if (duty->state == DUTY_QUEUED)
        hold(duty);
}

static void on_late(void *data);

static void expect(struct duty *duty)
{
    timer_start(
        &duty->late, duty->target->schedule->loop, (uint64_t)duty->config->every_ms, on_late, duty);
}

/* Another interval has passed in which it waited. */
static void on_late(void *data)
{
    struct duty *duty = data;
    const struct target *target = duty->target;
    uint64_t waited_us = loop_now_us(target->schedule->loop) - duty->due_us;
    uint64_t missed = waited_us / 1000u / (uint64_t)duty->config->every_ms;
    bool here = counts(duty) && !has_room(target);
    unsigned waiting = 0;
    for (const struct list *link = target->queue.next; link != &target->queue; link = link->next)
        waiting++;
    MEM_AUTO char *why =
        here
            ? mem_print("%u runs of this target wait, and %u are at work", waiting, target->running)
            : mem_print("%u runs are at work, as many as agent.most_at_once allows",
                        target->schedule->running);
    MEM_AUTO char *text = mem_print(
        "has not run for %" PRIu64 " interval%s: %s", missed, units_s((int64_t)missed), why);
    expect(duty);
    if (rest_serves(target))
        verdict_of_lateness(duty, text);
}

void target_ask(struct duty *duty)
{
    if (duty->state != DUTY_IDLE || duty->target->resting)
        return;
    if (target_holds(duty)) {
        hold(duty);
        return;
    }
    duty->state = DUTY_QUEUED;
    list_add(&duty->target->queue, &duty->link);
    target_pump(duty->target);
    if (duty->state == DUTY_QUEUED && !duty->target->schedule->once)
        expect(duty);
}

static void take_down(struct target *target)
{
    struct duty *duty;
    target->down = true;
    list_for_each(duty, &target->queue, struct duty, link)
        if (target_holds(duty))
            hold(duty);
    depend_update_all(target);
}

static void bring_up(struct target *target)
{
    target->down = false;
    for (size_t i = 0; i < target->duty_count; i++)
        if (&target->duties[i] != target->connect && target->duties[i].state == DUTY_IDLE)
            schedule_soon(&target->duties[i], 500);
    depend_update_all(target);
}

/*
 * A check could not examine: whether that is the target's matter (a name that no longer resolves, a
 * changed password) is for connect to say, once, before each check says so for itself.
 */
static void ask_connect_first(const struct duty *duty, enum probe_failure failure)
{
    const struct target *target = duty->target;
    bool first = (failure == PROBE_FAILED || failure == PROBE_DENIED) && duty->failures == 0;
    if (first && target->connect && duty != target->connect && !target->down &&
        !target->schedule->once && target->connect->state == DUTY_IDLE)
        schedule_soon(target->connect, 50);
}

void target_run_over(struct duty *duty, enum probe_failure failure, int64_t retry_ms)
{
    struct target *target = duty->target;
    struct schedule *schedule = target->schedule;

    duty->state = DUTY_IDLE;
    target->running -= counts(duty);
    target->alive--;
    schedule->running -= !is_stream(duty);
    schedule->stats.failed += failure != 0;
    if (duty == target->connect && failure && !target->down)
        take_down(target);
    else if (duty == target->connect && !failure && target->down)
        bring_up(target);
    else if (target->connect && failure == PROBE_DOWN && !target->down && !schedule->once) {
        take_down(target);
        if (target->connect->state == DUTY_IDLE)
            schedule_soon(target->connect, 1000);
    }
    ask_connect_first(duty, failure);
    schedule_next(duty, failure, retry_ms);
    depend_update(duty);
    if (target->connect)
        depend_update(target->connect); /* something may have been said in its name */
    if (list_empty(&schedule->blocked))
        target_pump(target);
    else if (list_empty(&target->blocked)) /* behind the others, who waited longer */
        list_add(&schedule->blocked, &target->blocked);
    while (schedule->running < schedule->most && !list_empty(&schedule->blocked)) {
        struct target *other = list_first(&schedule->blocked, struct target, blocked);
        list_remove(&other->blocked);
        target_pump(other);
    }
}
