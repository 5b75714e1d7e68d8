/*
 * remediation_plugin - a plugin whose check and actions do as they are told.
 */
#ifndef UNIT_REMEDIATION_PLUGIN_H
#define UNIT_REMEDIATION_PLUGIN_H

#include "schedule_fixture.h"

#include <errno.h>

enum { TOLD_MOST = 8 };

struct options {
    const struct probe_url *url;
};
struct limits {
    int64_t most;
    const char *stop;
};

static struct {
    double used;
    bool unknown;                /* the check cannot tell */
    const char *keys[TOLD_MOST]; /* what plan() finds; ended by NULL */
    int64_t total;
    const char *json;       /* of each step; or NULL */
    bool undoes;            /* apply() answers a step that takes it back */
    bool hangs;             /* apply() does not answer */
    uint64_t takes_ms;      /* ... or so much later */
    bool fails;             /* ... or fails */
    const char *skips;      /* the key of a step that no longer fits */
    void (*on_apply)(void); /* called before it answers */
    char applied[4096];
    bool fixes; /* what is applied helps */
} told;

static inline void run_check(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    if (told.unknown) {
        probe_fail(run, -EIO, "cannot tell");
        return;
    }
    probe_report(
        run, .summary = "so much is used", .fields = PROBE_FIELDS(probe_real("used", told.used)));
    probe_done(run);
}

static inline void plan(struct probe_target *self, struct probe_run *run)
{
    struct probe_step steps[TOLD_MOST] = {{0}};
    size_t count = 0;
    (void)self;
    for (; told.keys[count]; count++)
        steps[count] =
            (struct probe_step){.key = told.keys[count], .what = "stop it", .json = told.json};
    probe_planned(run, .steps = steps, .step_count = count, .total = told.total);
}

static inline void on_time(int status, void *data)
{
    struct probe_run *run = data;
    if (status == 0)
        probe_applied(run, .outcome = PROBE_APPLIED);
}

static inline void apply(struct probe_target *self, struct probe_run *run,
                         const struct probe_step *step)
{
    const struct probe_step undo = {.key = "back", .what = "take it back"};
    bool back = strcmp(step->key, "back") == 0;
    (void)self;
    note(told.applied, "%s ", step->key);
    if (told.on_apply)
        told.on_apply();
    if (told.hangs)
        return;
    if (told.takes_ms) {
        (void)probe_timer(&run->life, told.takes_ms, on_time, run);
        return;
    }
    if (told.fails) {
        probe_end(
            run, .how = PROBE_FAILED, .status = -EIO, .reason = "broken", .summary = "it broke");
        return;
    }
    if (told.fixes)
        told.used = 10;
    bool skipped = told.skips && strcmp(told.skips, step->key) == 0;
    probe_applied(run,
                  .outcome = skipped ? PROBE_SKIPPED : PROBE_APPLIED,
                  .undo = told.undoes && !back && !skipped ? &undo : NULL);
}

static const struct probe_option options[] = {
    {"url", PROBE_URL_AT(struct options, url)},
    {0},
};
static const struct probe_option limits[] = {
    {"most", PROBE_INT_AT(struct limits, most), .fallback = "5", .min = 1, .max = 99},
    {"stop", PROBE_STRING_AT(struct limits, stop), .fallback = ""},
    {0},
};
static const struct probe_measure measures[] = {{"used", "how much", .kind = PROBE_GAUGE}, {0}};
static const struct probe_check checks[] = {{.name = "look",
                                             .title = "t",
                                             .every = "1s",
                                             .timeout = "500ms",
                                             .measures = measures,
                                             .critical = "used > 90",
                                             .run = run_check},
                                            {.name = "other",
                                             .title = "t",
                                             .every = "1s",
                                             .timeout = "500ms",
                                             .measures = measures,
                                             .run = run_check},
                                            {0}};

#define ACTION(name_, ...)                                                                         \
    {                                                                                              \
        .name = (name_), .help = "h", .options = limits, .config_size = sizeof(struct limits),     \
        .timeout = "3s", .plan = plan, .apply = apply, __VA_ARGS__                                 \
    }
static const struct probe_action actions[] = {
    ACTION("stop", .effect = PROBE_DISRUPTIVE, .binds = PROBE_BINDS_BOUNDS),
    ACTION("drop", .effect = PROBE_DESTRUCTIVE, .binds = PROBE_BINDS_ITEMS),
    ACTION("ask", .effect = PROBE_READS),
    {0},
};
static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = "told",
    .version = "1",
    .summary = "does as it is told",
    .scheme = "told",
    .where = PROBE_CLUSTER,
    .options = options,
    .config_size = sizeof(struct options),
    .checks = checks,
    .actions = actions,
};

#endif
