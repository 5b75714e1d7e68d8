/*
 * odd - plugins that the loader must refuse, each built from this file with one definition.
 */
#include <runbookd/probe.h>

#ifndef ODD_MAJOR
#define ODD_MAJOR PROBE_ABI_MAJOR
#endif
#ifndef ODD_MINOR
#define ODD_MINOR PROBE_ABI_MINOR
#endif
#ifndef ODD_NAME
#define ODD_NAME "odd"
#endif
#ifndef ODD_MEASURE
#define ODD_MEASURE "count"
#endif
#ifndef ODD_TIMEOUT
#define ODD_TIMEOUT "3s"
#endif
#ifndef ODD_SIZE
#define ODD_SIZE sizeof(struct probe_plugin)
#endif

static void run(struct probe_target *self, struct probe_run *run)
{
    (void)self;
    probe_done(run);
}

static const struct probe_measure measures[] = {
    {ODD_MEASURE, "how many", .kind = PROBE_GAUGE},
    {0},
};

static const struct probe_check checks[] = {
    {.name = "check",
     .title = "something is wrong",
     .measures = measures,
     .every = "15s",
     .timeout = ODD_TIMEOUT,
     .run = run},
    {0},
};

#ifdef ODD_ACTION
static void apply(struct probe_target *self, struct probe_run *run_, const struct probe_step *step)
{
    (void)self;
    (void)step;
    probe_applied(run_, .outcome = PROBE_APPLIED);
}

static const struct probe_action actions[] = {ODD_ACTION, {0}};
#endif

#ifdef ODD_LEASE
static void claim(struct probe_target *self, struct probe_run *run_)
{
    (void)self;
    probe_leased(run_, .held = true, .token = 1);
}

static const struct probe_lease lease = ODD_LEASE;
#endif

static const struct probe_plugin plugin = {
    .abi_major = ODD_MAJOR,
    .abi_minor = ODD_MINOR,
    .size = ODD_SIZE,
#ifndef ODD_SIZES
    .sizes = {sizeof(struct probe_option),
              sizeof(struct probe_measure),
              sizeof(struct probe_check),
              sizeof(struct probe_action),
              sizeof(struct probe_field),
              sizeof(struct probe_column),
              sizeof(struct probe_pair),
              sizeof(struct probe_step)},
#endif
    .name = ODD_NAME,
    .version = "1",
    .summary = "a plugin that is odd in one way",
    .checks = checks,
#ifdef ODD_ACTION
    .actions = actions,
#endif
#ifdef ODD_LEASE
    .lease = &lease,
#endif
};

#ifdef ODD_NOTHING
PROBE_EXPORT const struct probe_plugin *PROBE_ENTRY(void);
const struct probe_plugin *PROBE_ENTRY(void)
{
    return plugin.name ? NULL : &plugin;
}
#else
PROBE_PLUGIN(plugin);
#endif
