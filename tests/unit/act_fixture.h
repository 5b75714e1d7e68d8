/*
 * act_fixture - a target whose plugin does as it is told, and what came of its actions, on a driven
 * clock.  For test_act and test_act_answers.
 */
#ifndef UNIT_ACT_FIXTURE_H
#define UNIT_ACT_FIXTURE_H

#include "schedule_fixture.h"

#include <errno.h>

#include "base/mem.h"
#include "base/redact.h"
#include "probe/act.h"

/* --------------------------------------------------- a plugin that is told ---- */

struct options {
    const struct probe_url *url;
    const char *user;
    struct probe_secret *password;
};

struct limits {
    int64_t most;
    const char *const *keep;
};

static struct {
    uint64_t takes_ms;                     /* until it answers; zero: at once */
    void (*answer)(struct probe_run *run); /* NULL: never */
    int late;                              /* what its operation was ended with */
    const struct probe_target *seen;       /* by the last call */
    void (*hears)(void);                   /* what the callback does */
} told;

static inline const struct options *options_of(const struct probe_target *target)
{
    return target->config;
}

static inline int create(struct probe_target *self, struct probe_error *error)
{
    if (strcmp(options_of(self)->user, "root") == 0)
        return probe_refuse(error, "user", "nobody acts as root here");
    note(stage.journal, "+%s ", options_of(self)->user);
    return 0;
}

static inline void destroy(struct probe_target *self)
{
    note(stage.journal, "-%s ", options_of(self)->user);
}

static inline void on_time(int status, void *data)
{
    struct probe_run *run = data;
    told.late = status;
    if (status == 0)
        told.answer(run);
    else
        note(stage.journal, "%s ", status == -ETIMEDOUT ? "late" : "canceled");
}

static inline void begin_run(struct probe_target *self, struct probe_run *run)
{
    told.seen = self;
    assert_ptr_equal(run->target, self);
    assert_null(run->check);
    assert_non_null(run->action);
    if (told.takes_ms || !told.answer)
        probe_timer(&run->life, told.takes_ms ? told.takes_ms : UINT64_MAX, on_time, run);
    else
        told.answer(run);
}

static inline void plan(struct probe_target *self, struct probe_run *run)
{
    const struct limits *limits = run->config;
    note(stage.journal, "plan:%s:%d ", options_of(self)->user, (int)limits->most);
    begin_run(self, run);
}

static inline void apply(struct probe_target *self, struct probe_run *run,
                         const struct probe_step *step)
{
    note(stage.journal, "apply:%s:%s ", options_of(self)->user, step ? step->key : "nothing");
    if (step && step->json)
        note(stage.journal, "%s ", step->json);
    begin_run(self, run);
}

static inline void ended(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    assert_non_null(run->data);
    note(stage.journal, "/%s ", run->name);
}

static inline void run_check(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    note(stage.journal, "check ");
    probe_report(run, .status = PROBE_OK, .summary = "fine");
    probe_done(run);
}

static const struct probe_option options[] = {
    {"url", PROBE_URL_AT(struct options, url)},
    {"user", PROBE_STRING_AT(struct options, user), .fallback = "watcher"},
    {"password", PROBE_SECRET_AT(struct options, password), .fallback = ""},
    {0},
};
static const struct probe_option limits[] = {
    {"most", PROBE_INT_AT(struct limits, most), .fallback = "5", .min = 1, .max = 9},
    {"keep", PROBE_LIST_AT(struct limits, keep), .fallback = "[]"},
    {0},
};
static const struct probe_check checks[] = {
    {.name = "look", .title = "t", .every = "1s", .timeout = "1s", .run = run_check}, {0}};

#define ACTION(name_, ...)                                                                         \
    {                                                                                              \
        .name = (name_), .help = "h", .options = limits, .config_size = sizeof(struct limits),     \
        .run_size = 8, .timeout = "3s", .apply = apply, .ended = ended, __VA_ARGS__                \
    }
static const struct probe_action actions[] = {
    ACTION("stop", .effect = PROBE_DISRUPTIVE, .plan = plan),
    ACTION("look_at", .effect = PROBE_READS),
    ACTION("send", .effect = PROBE_DESTRUCTIVE, .plan = plan, .declared = true),
    {0},
};
static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "told",
    .version = "1",
    .summary = "does as it is told",
    .scheme = "told",
    .where = PROBE_NODE,
    .options = options,
    .config_size = sizeof(struct options),
    .data_size = 16,
    .checks = checks,
    .actions = actions,
    .create = create,
    .destroy = destroy,
};

/* ------------------------------------------------------------- the stage ---- */

static struct target *target;
static struct arena *arena;
static struct act_plan *planned; /* the last plan */

static inline const struct probe_action *action(const char *name)
{
    return act_find(target->config->plugin, name);
}

static const struct limits five = {5, NULL};

static inline void tell_failure(const struct act_failure *failure)
{
    note(stage.said,
         "failed(%d,%s,%s): %s; ",
         failure->status,
         failure->reason,
         failure->begun ? "begun" : "not begun",
         failure->summary);
    if (failure->hint)
        note(stage.said, "hint: %s; ", failure->hint);
}

static inline void on_planned(const struct act_failure *failure, struct act_plan *plan_, void *data)
{
    (void)data;
    note(stage.journal, "! ");
    act_plan_destroy(planned);
    planned = plan_;
    assert_true(!failure != !plan_);
    if (failure)
        tell_failure(failure);
    else
        note(stage.said,
             "planned %zu of %d/%d; ",
             plan_->step_count,
             (int)plan_->count,
             (int)plan_->total);
    if (told.hears)
        told.hears();
}

static inline void on_applied(const struct act_failure *failure, const struct act_result *result,
                              void *data)
{
    (void)data;
    note(stage.journal, "! ");
    assert_true(!failure != !result);
    if (failure)
        tell_failure(failure);
    else
        note(stage.said,
             "outcome %d %s %s undo %s; ",
             result->outcome,
             result->summary,
             result->json,
             result->undo ? result->undo->key : "none");
    if (told.hears)
        told.hears();
}

#define WITH(act_as) "targets: {db: {url: \"told://127.0.0.1\", " act_as " checks: {look: off}}}\n"
#define ACT_AS "act_as: {user: ops},"

static inline void set_up(const char *yaml)
{
    begin(yaml);
    target = list_first(&stage.schedule->targets, struct target, link);
    stage.journal[0] = stage.said[0] = '\0';
}

static inline int set_stage(void **state)
{
    (void)state;
    memset(&told, 0, sizeof(told));
    planned = NULL;
    arena = arena_create();
    open_stage(&plugin);
    return 0;
}

static inline int leave_stage(void **state)
{
    act_plan_destroy(planned);
    arena_destroy(arena);
    redact_forget_all();
    return close_stage(state);
}

static inline struct act *start_plan(void)
{
    return act_plan(target, action("stop"), &five, on_planned, NULL);
}

static inline struct act *start_apply(const char *key)
{
    const struct probe_step step = {.key = key, .what = "does it", .json = "{\"a\": 1}"};
    return act_apply(target, action("stop"), &five, &step, on_applied, NULL);
}

static inline void answer_two_steps(struct probe_run *run)
{
    const struct probe_step steps[] = {
        {.key = "a@1", .what = "stop a", .json = "{\"pid\": 1}", .count = 3},
        {.key = "b@2", .what = "stop b, whose word is s3cret-word"},
    };
    probe_planned(run, .steps = steps, .step_count = 2, .total = 97, .note = "of 97");
}

static inline void answer_few(struct probe_run *run)
{
    const struct probe_step step = {.key = "a", .what = "stop a", .count = 3};
    probe_planned(run, .steps = &step, .step_count = 1, .total = 1);
}

static inline void answer_applied(struct probe_run *run)
{
    const struct probe_step undo = {.key = "back", .what = "take it back"};
    probe_applied(run,
                  .outcome = PROBE_APPLIED,
                  .summary = "it said s3cret-word",
                  .json = "{\"left\": \"s3cret-word\"}",
                  .undo = &undo);
}

static inline void answer_skipped(struct probe_run *run)
{
    probe_applied(run, .outcome = PROBE_SKIPPED);
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_stage, leave_stage)

#endif
