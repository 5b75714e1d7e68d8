/*
 * A plugin that crashes where its target's `how` says, as plugins of others do: what the agent notes
 * of it, and whom it blames.  Under another name it is the sane neighbour.
 */
#include <runbookd/probe.h>
#include <stdlib.h>
#include <string.h>

#ifndef CRASHER_NAME
#define CRASHER_NAME "crasher"
#endif

struct config {
    const char *how;
};

static volatile int *volatile nothing;

static void crash(void)
{
    *nothing = 1;
}

static int run_over(volatile char *above)
{
    volatile char room[4096];
    room[0] = above ? above[0] : 1;
    return run_over(room) + room[0];
}

static bool is(const struct probe_target *self, const char *how)
{
    const struct config *config = self->config;
    return strcmp(config->how, how) == 0;
}

static int create(struct probe_target *self, struct probe_error *error)
{
    (void)error;
    if (is(self, "create"))
        crash();
    return 0;
}

static void report(struct probe_run *run)
{
    probe_report(run, .summary = "it is well", .fields = PROBE_FIELDS(probe_int("count", 1)));
    probe_done(run);
}

static void on_timer(int status, void *data)
{
    struct probe_run *run = data;
    if (status == 0 && is(run->target, "callback"))
        crash();
    if (status == 0)
        report(run);
}

static int work(void *data)
{
    const char *how = data;
    if (strcmp(how, "work") == 0)
        crash();
    if (strcmp(how, "deep work") == 0)
        return run_over(NULL);
    for (volatile long i = 0; i < 200000000; i++) /* busy: half a second of computing */
        ;
    return 0;
}

static void on_worked(int status, void *data)
{
    (void)status, (void)data;
}

static void run(struct probe_target *self, struct probe_run *run)
{
    static char kinds[][10] = {"work", "deep work", "busy"};
    if (is(self, "run"))
        crash();
    if (is(self, "abort"))
        abort();
    while (is(self, "hang")) /* holds up the loop for ever */
        ;
    if (is(self, "overflow"))
        (void)run_over(NULL);
    for (size_t i = 0; i < 3; i++)
        if (is(self, kinds[i]))
            (void)probe_work(&run->life, work, on_worked, kinds[i]);
    (void)probe_timer(&run->life, 100, on_timer, run);
}

static void ended(struct probe_target *self, struct probe_run *run)
{
    (void)run;
    if (is(self, "ended"))
        crash();
}

static const struct probe_option options[] = {
    {"how", PROBE_STRING_AT(struct config, how), .fallback = "never", .help = "where it crashes"},
    {0},
};

static const struct probe_measure measures[] = {
    {"count", "how many", .kind = PROBE_GAUGE},
    {0},
};

static const struct probe_check checks[] = {
    {.name = "health",
     .title = "something is wrong",
     .measures = measures,
     .every = "300ms",
     .timeout = "300ms",
     .run = run,
     .ended = ended},
    {.name = "second",
     .title = "something else is wrong",
     .measures = measures,
     .every = "300ms",
     .timeout = "300ms",
     .run = run},
    {0},
};

static const struct probe_plugin plugin = {
    PROBE_ABI,
    .name = CRASHER_NAME,
    .version = "1",
    .summary = "a plugin that crashes",
    .options = options,
    .config_size = sizeof(struct config),
    .checks = checks,
    .create = create,
};

/* Before anything is known of it, where the environment says so. */
__attribute__((constructor)) static void loaded(void)
{
    const char *who = getenv("CRASH_LOADING");
    if (who && strcmp(who, CRASHER_NAME) == 0)
        crash();
}

PROBE_PLUGIN(plugin);
