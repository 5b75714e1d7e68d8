#include "app/rehearsal.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/rehearsal_parts.h"
#include "base/mem.h"
#include "base/units.h"
#include "incident/calendar.h"
#include "io/wait.h"
#include "probe/metric.h"

enum {
    BEGIN_MS = 1000000, /* of the clock that never goes back */
    QUIET_TURNS = 4,
    TURN_US = 100,
    CLOSE_MS = 5000
};

/* ---------------------------------------------------------------- moments ---- */

/* Something that happens at a time, or is looked at. */
struct moment {
    int64_t at_ms;
    size_t order;
    const struct given *given;
    const struct expected *expected;
};

struct moments {
    struct moment *all;
    size_t count;
    bool cut; /* there were more than may be */
};

static void add(struct moments *moments, struct moment moment)
{
    if (moments->count == REHEARSAL_MOST_MOMENTS) {
        moments->cut = true;
        return;
    }
    if (moments->count % 64 == 0)
        moments->all = mem_resize(moments->all, (moments->count + 64) * sizeof(moment));
    moment.order = moments->count;
    moments->all[moments->count++] = moment;
}

static bool same_matter(const struct given *a, const struct given *b)
{
    return a->check && b->check && strcmp(a->check, b->check) == 0;
}

/* A line that repeats goes on until the next one about the same check. */
static int64_t end_of(const struct rehearsal_case *test, const struct given *given)
{
    int64_t end = given->until_ms >= 0 ? given->until_ms : test->lasts_ms + 1;
    for (size_t i = 0; i < test->given_count; i++) {
        const struct given *other = &test->given[i];
        if (same_matter(given, other) && other->at_ms > given->at_ms && other->at_ms < end)
            end = other->at_ms;
    }
    return end;
}

static int by_time(const void *left, const void *right)
{
    const struct moment *a = left, *b = right;
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    if (!a->expected != !b->expected)
        return a->expected ? 1 : -1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static struct moments moments_of(const struct rehearsal_case *test)
{
    struct moments moments = {0};
    for (size_t i = 0; i < test->given_count; i++) {
        const struct given *given = &test->given[i];
        add(&moments, (struct moment){.at_ms = given->at_ms, .given = given});
        if (given->every_ms <= 0)
            continue;
        int64_t end = end_of(test, given);
        for (int64_t at = given->at_ms + given->every_ms; at < end && !moments.cut;
             at += given->every_ms)
            add(&moments, (struct moment){.at_ms = at, .given = given});
    }
    for (size_t i = 0; i < test->expected_count; i++)
        add(&moments,
            (struct moment){.at_ms = test->expected[i].at_ms, .expected = &test->expected[i]});
    if (moments.count)
        qsort(moments.all, moments.count, sizeof(*moments.all), by_time);
    return moments;
}

/* ------------------------------------------------------------------- time ---- */

/* Until the disk has nothing to do any more, and nobody waits for it: no time passes. */
static void settle(struct world *world)
{
    for (int quiet = 0; quiet < QUIET_TURNS;) {
        loop_advance(world->loop, 0);
        quiet = world->store && store_waiting(world->store) ? 0 : quiet + 1;
        if (!quiet)
            (void)usleep(TURN_US);
    }
}

/* From one timer to the next, so that what the disk answers comes before it, always. */
static void pass_until(struct world *world, int64_t at_ms)
{
    settle(world);
    while (world->now_ms < at_ms) {
        uint64_t now_us = loop_now_us(world->loop), due_us = loop_due_us(world->loop);
        int64_t left_ms = at_ms - world->now_ms;
        int64_t step_ms = due_us == UINT64_MAX || due_us < now_us
                              ? left_ms
                              : (int64_t)((due_us - now_us + 999) / 1000);
        step_ms = step_ms < 1 ? 1 : step_ms > left_ms ? left_ms : step_ms;
        loop_advance(world->loop, (uint64_t)step_ms);
        world->now_ms += step_ms;
        settle(world);
    }
}

/* ------------------------------------------------------------------ people ---- */

struct finding_plan {
    const char *entry;
    bool waits;
    const struct plan *found;
};

static void take_plan(const struct plan *plan, void *data)
{
    struct finding_plan *finding = data;
    if (!finding->found && strcmp(plan->entry, finding->entry) == 0 &&
        (!finding->waits || plan->state == PLAN_WAITING))
        finding->found = plan;
}

typedef int decide_fn(struct remediations *remediations,
                      const struct remediation_decision *decision, struct error *error);

static void decide(struct world *world, const struct given *given, const char *entry, decide_fn *fn,
                   bool waits)
{
    struct error error = {0};
    struct finding_plan finding = {.entry = entry, .waits = waits};
    remediations_each_plan(world->repair.remediations, take_plan, &finding);
    if (!finding.found) {
        world_fail(
            world, given->node, "%s has no plan%s", entry, waits ? " that waits" : " to take back");
        return;
    }
    const struct remediation_decision decision = {
        .plan = finding.found->id,
        .who = given->by,
        .proof = "test",
        .from = "test",
        .reason = given->says,
        .except = given->except,
    };
    if (fn(world->repair.remediations, &decision, &error) < 0)
        world_fail(world, given->node, "%s: %s", entry, error.message);
}

static void begin_by_hand(struct world *world, const struct given *given)
{
    char run[PLAN_RUN_LEN + 1];
    struct error error = {0};
    json_t *with = given->with ? json_loads(given->with, 0, NULL) : NULL;
    const struct remediation_wish wish = {
        .entry = given->remediate, .with = with, .who = given->by, .proof = "test", .from = "test"};
    if (remediations_start(world->repair.remediations, &wish, run, &error) < 0)
        world_fail(world, given->node, "%s: %s", given->remediate, error.message);
    json_decref(with);
}

static void silence(struct world *world, const struct given *given)
{
    struct error error = {0};
    struct matter matter = matter_of(given->silence);
    const struct silence_wish wish = {.target = matter.target,
                                      .name = matter.name,
                                      .subject = matter.subject,
                                      .who = given->by,
                                      .for_ms = given->for_ms};
    if (!silences_add(world->brakes.silences, &wish, loop_wall_ms(world->loop), &error))
        world_fail(world, given->node, "silence: %s", error.message);
    matter_finish(&matter);
}

/* ---------------------------------------------------------------- a moment ---- */

struct duty *world_duty(const struct world *world, const char *written)
{
    struct target *target;
    list_for_each(target, &world->schedule->targets, struct target, link) {
        for (size_t i = 0; i < target->duty_count; i++)
            if (strcmp(target->duties[i].label, written) == 0)
                return &target->duties[i];
    }
    return NULL;
}

static void happen(struct world *world, const struct given *given)
{
    if (given->check || given->action)
        stand_in_take(world, given);
    if (given->check)
        target_ask(world_duty(world, given->check));
    else if (given->approve)
        decide(world, given, given->approve, remediations_approve, true);
    else if (given->reject)
        decide(world, given, given->reject, remediations_reject, true);
    else if (given->take_back)
        decide(world, given, given->take_back, remediations_undo, false);
    else if (given->remediate)
        begin_by_hand(world, given);
    else if (given->freeze)
        freeze_set(world->brakes.freeze, given->by, given->freeze, 0);
    else if (given->thaw)
        freeze_unset(world->brakes.freeze);
    else if (given->silence)
        silence(world, given);
    else if (given->lease)
        lease_move(world, given);
}

static void play(struct world *world)
{
    struct moments moments = moments_of(world->test);
    if (moments.cut)
        world_fail(world,
                   world->test->node,
                   "has more than %d samples: give every: a longer time",
                   (int)REHEARSAL_MOST_MOMENTS);
    for (size_t i = 0; i < moments.count && !moments.cut; i++) {
        pass_until(world, moments.all[i].at_ms);
        if (moments.all[i].given)
            happen(world, moments.all[i].given);
        else
            said_judge(world, moments.all[i].expected);
    }
    if (!moments.cut) {
        pass_until(world, world->test->lasts_ms);
        said_count(world);
    }
    free(moments.all);
}

/* ------------------------------------------------------------- its world ---- */

static void on_nothing(int status, unsigned events, void *data)
{
    (void)status;
    (void)events;
    (void)data;
}

/* A loop that watches nothing would not hear the thread of the disk. */
static bool keep_alive(struct world *world)
{
    if (pipe(world->pipe) < 0)
        return false;
    world->alive = watch_create(world->loop, world->pipe[0], WATCH_READABLE, on_nothing, NULL);
    return true;
}

static bool open_state(struct world *world)
{
    struct error error = {0};
    if (!world->session->config->agent.state) { /* as in production: nothing is ever applied */
        world->state[0] = '\0';
        return true;
    }
    if (!mkdtemp(world->state)) {
        text_print(world->failures, "cannot make a folder in /tmp: %s\n", strerror(errno));
        world->state[0] = '\0';
        return false;
    }
    world->store = store_open(world->loop, world->state, "select 1", NULL, &error);
    if (!world->store)
        text_print(world->failures, "%s\n", error.message);
    return world->store != NULL;
}

/* Of what holds the agent back by itself: windows go by the clock, and their calendars are read; sinks are not there. */
static void take_windows(struct world *world)
{
    struct entries *entries = world->session->entries;
    int64_t now_ms = loop_wall_ms(world->loop);
    world->calendars[0] = calendars_read_once(&entries->ceiling.windows, now_ms);
    world->calendars[1] = calendars_read_once(&entries->silences, now_ms);
    world->brakes.entries = entries_hold(entries);
    freeze_use_windows(world->brakes.freeze, &entries->ceiling.windows);
    entries->ceiling.require_sink = NULL;
}

static bool open_world(struct world *world)
{
    static const struct event_speaker speaker = {.realm = "test",
                                                 .role = "node",
                                                 .node = "test",
                                                 .boot = "00000000",
                                                 .version = RUNBOOKD_VERSION,
                                                 .config = "000000"};
    struct problems problems = {0};
    world->loop = loop_create();
    loop_drive(world->loop, BEGIN_MS, world->test->begins_ms);
    world->bus = bus_create(&speaker);
    bus_subscribe(world->bus, said_hear, world);
    world->ledger = ledger_create();
    world->schedule = schedule_create(world->loop, world->bus, world->ledger);
    world->schedule->driven = true;
    if (!keep_alive(world) || !open_state(world))
        return false;
    bool filled = schedule_fill(world->schedule, world->session->config, &problems) == 0;
    if (!session_print(&problems) || !filled)
        return false;
    brakes_open(&world->brakes, world->schedule, world->store, NULL);
    take_windows(world);
    repair_open(&world->repair, world->schedule, world->store, &world->brakes);
    lease_prepare(world);
    repair_use(&world->repair, world->session->entries, NULL, false);
    world->schedule->begun = true;
    return world->repair.remediations != NULL;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
    (void)stat;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void close_world(struct world *world)
{
    if (world->repair.schedule)
        repair_close(&world->repair);
    schedule_destroy(world->schedule);
    if (world->brakes.schedule)
        brakes_close(&world->brakes);
    if (world->store)
        store_close(world->store, CLOSE_MS);
    bus_destroy(world->bus);
    ledger_destroy(world->ledger);
    for (size_t i = 0; i < COUNT_OF(world->calendars); i++)
        calendars_destroy(world->calendars[i]);
    if (world->alive) {
        watch_destroy(world->alive);
        (void)close(world->pipe[0]);
        (void)close(world->pipe[1]);
    }
    metric_forget_all();
    (void)loop_destroy(world->loop);
    if (*world->state)
        (void)nftw(world->state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    said_finish(world);
    free(world->answers);
}

int rehearsal_run(const struct rehearsal *rehearsal, size_t at, const struct session *session,
                  struct text *failures)
{
    struct world world = {.rehearsal = rehearsal,
                          .test = &rehearsal->cases[at],
                          .session = session,
                          .failures = failures,
                          .state = "/tmp/runbookd-test-XXXXXX"};
    session->config->agent.connectivity.reference_count = 0; /* nothing is asked of a network */
    stand_in_for(&world);
    bool open = open_world(&world);
    if (open)
        play(&world);
    close_world(&world);
    stand_in_for(NULL);
    return open ? 0 : -EIO;
}
