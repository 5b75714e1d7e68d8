/*
 * run - the life of targets and runs in the fake host, as the contract tells it.
 */
#include "inside.h"

#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"

static_assert(offsetof(struct kit_target, face) == sizeof(struct kit_life), "the life lies before");
static_assert(offsetof(struct kit_job, face) == sizeof(struct kit_life), "the life lies before");

enum { LONGEST_STREAM_MS = 60000 };

/* What create() and prepare() refuse with; the contract freezes it, so the text lies behind. */
struct refusal {
    struct probe_error face;
    struct kit *kit;
    char text[600];
};

static int refuse(struct probe_error *error, const char *option, const char *text)
{
    struct refusal *refusal = container_of(error, struct refusal, face);
    (void)snprintf(
        refusal->text, sizeof(refusal->text), "%s: %s", option ? option : "(none)", text);
    return -EINVAL;
}

/* Only refuse() is there: create() and prepare() may call nothing else with an error. */
static const struct probe_host refusing = {
    PROBE_ABI_MAJOR, PROBE_ABI_MINOR, sizeof(struct probe_host), .refuse = refuse};

static void begin_life(struct kit_life *own, struct probe_life *face, struct kit *kit,
                       struct kit_job *job)
{
    life_init(&own->life, kit->loop);
    own->kit = kit;
    own->job = job;
    face->host = &kit_host;
}

static void fail_if_broken(struct kit *kit)
{
    if (kit->broken_count > 0)
        fail_msg("%s", kit_broken(kit));
}

/* ------------------------------------------------------------- subjects ---- */

static struct kit_subject *find(struct kit *kit, const char *name)
{
    struct kit_subject **all = kit->subjects.all;
    for (size_t i = 0; i < kit->subjects.count; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

static struct kit_subject *add(struct kit *kit, const char *name, const char *kind)
{
    const struct plugin_check *check = plugin_find_check(kit->plugin, kind);
    struct kit_subject *subject = kit_keep(kit, mem_new(sizeof(*subject)));
    subject->name = kit_copy(kit, name);
    subject->check = check ? &check->face : NULL;
    for (size_t i = 0; !check && i < kit->plugin->action_count; i++)
        if (strcmp(kit->plugin->actions[i].name, kind) == 0)
            subject->action = &kit->plugin->actions[i];
    if (!subject->check && !subject->action)
        fail_msg("%s has no check and no action \"%s\"", kit->plugin->face.name, kind);
    kit_add(&kit->subjects, subject);
    return subject;
}

void kit_name(struct kit *kit, const char *name, const char *check)
{
    (void)add(kit, name, check);
}

static int prepare(struct kit_subject *subject, struct refusal *refusal)
{
    const struct probe_check *check = subject->check;
    return check && check->prepare
               ? check->prepare(subject->config, subject->memory, &refusal->face)
               : 0;
}

static void configure(struct kit *kit, struct kit_subject *subject)
{
    const struct probe_check *check = subject->check;
    const struct probe_action *action = subject->action;
    free(subject->memory);
    subject->memory = check ? mem_new(check->memory_size) : NULL;
    subject->config = kit_fill(kit,
                               subject->name,
                               check ? check->options : action->options,
                               check ? check->config_size : action->config_size);
}

struct kit_subject *kit_subject(struct kit *kit, const char *name)
{
    struct refusal refusal = {.face.host = &refusing, .kit = kit};
    struct kit_subject *subject = find(kit, name);
    if (!subject)
        subject = add(kit, name, name);
    if (subject->prepared)
        return subject;
    configure(kit, subject);
    fail_if_broken(kit);
    if (prepare(subject, &refusal) != 0)
        fail_msg("%s refuses its options: %s", name, refusal.text);
    subject->prepared = true;
    return subject;
}

static void forget_subject(struct kit_subject *subject)
{
    if (subject->prepared && subject->check && subject->check->forget)
        subject->check->forget(subject->memory);
    free(subject->memory);
    subject->memory = NULL;
    subject->prepared = false;
}

const void *kit_config(struct kit *kit, const char *check)
{
    if (check)
        return kit_subject(kit, check)->config;
    kit_create_target(kit);
    return kit->target ? kit->target->face.config : NULL;
}

/* ------------------------------------------------------- a run's grave ---- */

/* The plugin forgets the run; what it keeps of it afterwards is gone. */
static void bury(void *data)
{
    struct kit_job *job = data;
    struct kit *kit = job->own.kit;
    const struct kit_subject *subject = job->subject;
    void (*ended)(struct probe_target *, struct probe_run *) =
        subject->check ? subject->check->ended : subject->action->ended;
    timer_stop(&job->burial);
    kit_enter(kit);
    if (ended)
        ended(&kit->target->face, &job->face);
    kit_leave(kit);
    life_drop(&job->own.life);
    free(job->face.data);
    job->face.data = NULL;
    job->buried = true;
}

void kit_over(struct kit_job *job)
{
    struct kit *kit = job->own.kit;
    job->shown.over = true;
    job->shown.ran_us = loop_now_us(kit->loop) - job->started_us;
    timer_stop(&job->deadline);
    life_drop(&job->own.life);
    timer_start(&job->burial, kit->loop, 0, bury, job);
}

/* -------------------------------------------------------------- target ---- */

/* What the option tables refuse never reaches create() or prepare(). */
static int take_problems(struct kit *kit, struct refusal *refusal)
{
    if (kit->broken_count == 0)
        return 0;
    (void)snprintf(refusal->text, sizeof(refusal->text), "%s", kit_broken(kit));
    return -EINVAL;
}

static int create_target(struct kit *kit, struct refusal *refusal)
{
    const struct probe_plugin *plugin = &kit->plugin->face;
    struct kit_target *target = mem_new(sizeof(*target));
    begin_life(&target->own, &target->face.life, kit, NULL);
    target->face.name = "the-target";
    target->face.config = kit_fill(kit, NULL, plugin->options, plugin->config_size);
    target->face.data = mem_new(plugin->data_size);
    kit->target = target;
    int status = take_problems(kit, refusal);
    if (status == 0 && plugin->create)
        status = plugin->create(&target->face, &refusal->face);
    if (status == 0)
        return 0;
    free(target->face.data);
    free(target);
    kit->target = NULL;
    return status;
}

void kit_create_target(struct kit *kit)
{
    struct refusal refusal = {.face.host = &refusing, .kit = kit};
    if (!kit->target && create_target(kit, &refusal) != 0)
        fail_msg("the target is refused: %s", refusal.text);
}

const char *kit_refusal(struct kit *kit, const char *check)
{
    struct refusal refusal = {.face.host = &refusing, .kit = kit};
    int status;
    if (check) {
        struct kit_subject *subject = find(kit, check);
        subject = subject ? subject : add(kit, check, check);
        configure(kit, subject);
        status = take_problems(kit, &refusal);
        if (status == 0)
            status = prepare(subject, &refusal);
        subject->prepared = status == 0;
        forget_subject(subject);
    } else {
        status = create_target(kit, &refusal);
        kit_destroy_target(kit);
    }
    return status == 0 ? NULL : kit_copy(kit, refusal.text);
}

void kit_destroy_target(struct kit *kit)
{
    struct kit_target *target = kit->target;
    struct kit_subject **subjects = kit->subjects.all;
    struct kit_job *job;
    if (target) {
        list_for_each(job, &kit->jobs, struct kit_job, link) {
            kit_end(kit, &job->shown);
            if (!job->buried)
                bury(job);
        }
        kit_enter(kit);
        life_end(&target->own.life, -ECANCELED);
        kit_leave(kit);
        if (kit->plugin->face.destroy)
            kit->plugin->face.destroy(&target->face);
        free(target->face.data);
        free(target);
        kit->target = NULL;
    }
    for (size_t i = 0; i < kit->subjects.count; i++)
        forget_subject(subjects[i]);
    kit_finish_work(kit);
}

void kit_restart(struct kit *kit)
{
    kit_destroy_target(kit);
    kit_create_target(kit);
}

/* ---------------------------------------------------------------- runs ---- */

/* The agent ends what the plugin did not. */
static void end_late(struct kit_job *job)
{
    job->shown.late = true;
    job->shown.how =
        job->subject->check && job->subject->check->late ? job->subject->check->late : PROBE_FAILED;
    job->shown.status = -ETIMEDOUT;
    kit_over(job);
}

static void on_deadline(void *data)
{
    struct kit_job *job = data;
    kit_enter(job->own.kit);
    life_end(&job->own.life, -ETIMEDOUT);
    if (!job->shown.over)
        end_late(job);
    kit_leave(job->own.kit);
}

void kit_end(struct kit *kit, struct kit_run *run)
{
    struct kit_job *job = container_of(run, struct kit_job, shown);
    if (run->over)
        return;
    run->cancelled = true;
    kit_enter(kit);
    life_end(&job->own.life, -ECANCELED);
    if (!run->over)
        kit_over(job);
    kit_leave(kit);
}

/* A run's limit in milliseconds; zero: none. */
static int64_t limit_of(struct kit *kit, const struct kit_subject *subject)
{
    const char *text = subject->check ? subject->check->timeout : subject->action->timeout;
    int64_t ms = 10000;
    if (subject->check && subject->check->mode == PROBE_STREAMING)
        return 0;
    if (text && units_duration(text, &ms) != 0)
        kit_break(kit, "%s has the timeout \"%s\"", subject->name, text);
    return ms;
}

/* The agent runs "connect" beside all others, so that it is seen while another check hangs. */
static bool queued(const struct kit_subject *subject)
{
    return !subject->check || strcmp(subject->check->name, "connect") != 0;
}

static void refuse_a_second(struct kit *kit, const struct kit_subject *subject)
{
    unsigned most = kit->plugin->face.parallel, running = 0;
    struct kit_job *job;
    list_for_each(job, &kit->jobs, struct kit_job, link)
        running += !job->buried && !job->subject->check == !subject->check && queued(job->subject);
    if (most > 0 && running >= most && queued(subject))
        fail_msg("%s may not run: %u at a time is what the plugin wants", subject->name, most);
}

static struct kit_job *begin(struct kit *kit, const char *name)
{
    struct kit_subject *subject = kit_subject(kit, name);
    struct kit_job *job = mem_new(sizeof(*job));
    const struct probe_check *check = subject->check;
    int64_t limit = limit_of(kit, subject);
    kit_create_target(kit);
    refuse_a_second(kit, subject);
    begin_life(&job->own, &job->face.life, kit, job);
    job->subject = subject;
    job->shown.name = subject->name;
    job->started_us = loop_now_us(kit->loop);
    job->face.target = &kit->target->face;
    job->face.check = check;
    job->face.action = subject->action;
    job->face.name = subject->name;
    job->face.config = subject->config;
    job->face.memory = subject->memory;
    job->face.data = mem_new(check ? check->run_size : subject->action->run_size);
    job->face.deadline_ms = limit ? job->started_us / 1000 + (uint64_t)limit : 0;
    if (limit)
        timer_start(&job->deadline, kit->loop, (uint64_t)limit, on_deadline, job);
    list_add(&kit->jobs, &job->link);
    return job;
}

static struct kit_run *start(struct kit *kit, const char *check)
{
    struct kit_job *job = begin(kit, check);
    if (!job->subject->check)
        fail_msg("%s is an action: kit_plan(), kit_apply()", check);
    kit_enter(kit);
    job->subject->check->run(&kit->target->face, &job->face);
    kit_leave(kit);
    return &job->shown;
}

struct kit_run *kit_start(struct kit *kit, const char *check)
{
    struct kit_run *run = start(kit, check);
    fail_if_broken(kit);
    return run;
}

/* Lets time pass until the run is over, or should have been. */
static void wait_for(struct kit *kit, struct kit_job *job)
{
    uint64_t start_ms = job->started_us / 1000, deadline_ms = job->face.deadline_ms;
    uint64_t ms = deadline_ms ? deadline_ms - start_ms + 1000 : LONGEST_STREAM_MS;
    if (kit->real_time)
        (void)loop_run_until(kit->loop, &job->buried, ms);
    for (uint64_t i = 0; !kit->real_time && !job->buried && i < ms; i++)
        loop_advance(kit->loop, i > 0);
}

struct kit_run *kit_try(struct kit *kit, const char *check)
{
    struct kit_run *run = start(kit, check);
    wait_for(kit, container_of(run, struct kit_job, shown));
    return run;
}

void kit_finish(struct kit *kit, struct kit_run *run)
{
    struct kit_job *job = container_of(run, struct kit_job, shown);
    wait_for(kit, job);
    fail_if_broken(kit);
    if (!job->buried)
        fail_msg("%s has not ended", run->name);
}

struct kit_run *kit_run(struct kit *kit, const char *check)
{
    struct kit_run *run = start(kit, check);
    kit_finish(kit, run);
    return run;
}

static void on_time(void *data)
{
    *(bool *)data = true;
}

void kit_advance(struct kit *kit, uint64_t ms)
{
    struct timer pause = {0};
    bool over = false;
    if (kit->real_time) {
        timer_start(&pause, kit->loop, ms, on_time, &over);
        (void)loop_run_until(kit->loop, &over, ms + 1000);
    } else {
        loop_advance(kit->loop, ms);
    }
    fail_if_broken(kit);
}

/* ------------------------------------------------------------- actions ---- */

static struct kit_job *begin_action(struct kit *kit, const char *name)
{
    struct kit_job *job = begin(kit, name);
    if (!job->subject->action)
        fail_msg("%s is a check: kit_run()", name);
    return job;
}

struct kit_run *kit_plan(struct kit *kit, const char *action)
{
    struct kit_job *job = begin_action(kit, action);
    kit_enter(kit);
    job->subject->action->plan(&kit->target->face, &job->face);
    kit_leave(kit);
    kit_finish(kit, &job->shown);
    if (job->shown.applied)
        fail_msg("plan() of %s ended with probe_applied()", action);
    return &job->shown;
}

/* As the agent hands it over: out of memory of its own, gone once apply() has returned. */
static struct probe_step lend_step(struct kit *kit, const struct probe_step *step)
{
    return (struct probe_step){step->key ? kit_lend(kit, step->key) : NULL,
                               step->what ? kit_lend(kit, step->what) : NULL,
                               step->json ? kit_lend(kit, step->json) : NULL,
                               step->count};
}

struct kit_run *kit_apply(struct kit *kit, const char *action, const struct probe_step *step)
{
    struct kit_job *job = begin_action(kit, action);
    kit_enter(kit);
    struct probe_step *lent = step ? mem_new(sizeof(*lent)) : NULL;
    if (lent)
        *lent = lend_step(kit, step);
    job->subject->action->apply(&kit->target->face, &job->face, lent);
    free(lent);
    kit_leave(kit);
    kit_finish(kit, &job->shown);
    if (job->shown.planned)
        fail_msg("apply() of %s ended with probe_planned()", action);
    return &job->shown;
}
