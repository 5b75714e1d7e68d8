/*
 * remediation_fixture - remediations of a target whose plugin does as it is told, on a driven clock, with a state
 * on disk that outlives a restart, and what was said.
 */
#ifndef UNIT_REMEDIATION_FIXTURE_H
#define UNIT_REMEDIATION_FIXTURE_H

#include "remediation_plugin.h"
#include "schedule_fixture.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "incident/remediation.h"
#include "probe/act.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

/* ------------------------------------------------------------------ the scripts ---- */

static const char script[] =
    "return { summary = 's', expects = { plugin = 'told', check = 'look' }, targets = { db = "
    "'told' },\n"
    "  needs = { 'db:stop', 'db:drop' }, deadline = '1m',\n"
    "  with = { verb = { 'string', default = 'db:stop' }, most = { 'integer', default = 5, max = "
    "99 },\n"
    "           twice = { 'boolean', default = false }, stop = { 'string' }, sleep = { 'duration', "
    "default = '0s' } },\n"
    "  run = function(agent, finding, with)\n"
    "    agent.sleep(with.sleep)\n"
    "    local result, why = agent.act(with.verb, { most = with.most, stop = with.stop })\n"
    "    if not result then return agent.hand_over('it could not be: %s', why) end\n"
    "    if with.twice then result = agent.act(with.verb, { most = with.most, stop = with.stop }) "
    "end\n"
    "    if result.done == 0 then return agent.leave('nothing was there') end\n"
    "    return agent.applied('%d of %d', result.done, result.planned)\n"
    "  end }\n";

/* --------------------------------------------------------------------- the world ---- */

static struct {
    char folder[64];
    int pipe[2];
    struct watch *alive; /* a loop without any handle does not hear the store's thread */
    struct store *store;
    struct audit *audit;
    struct remediations *all;
    struct entries *entries;
    const char *frozen, *silenced, *locked;
    char locks[512]; /* that were set: "target(who: why) " */
    enum guard_lease lease;
    uint64_t token;
    struct guard_sources sources;
    struct remediation_mirror mirror;
    bool mirrors;
    char mirrored[512];
    int mirror_status;
    void (*on_mirror)(void);                 /* meanwhile; NULL: nothing */
    const struct remediation_mirror *shares; /* courses go over with the lease; or NULL */
    bool has_witness;
    struct audit_witness witness;
    char asked[256]; /* sinks that were asked, with how much was applied by then */
    audit_witnessed_fn *witnessed_fn;
    void *witnessed_data;
    char plan[PLAN_ID_LEN + 1]; /* the last one that was said */
    char run[PLAN_RUN_LEN + 1];
    char last[8192]; /* the last event of kind remediation */
} world;

static inline const char *frozen(void *data)
{
    (void)data;
    return world.frozen;
}

static inline const char *silenced(const char *target, const char *name, const char *subject,
                                   void *data)
{
    (void)target;
    (void)name;
    (void)subject;
    (void)data;
    return world.silenced;
}

static inline const char *locked(const char *target, void *data)
{
    (void)target;
    (void)data;
    return world.locked;
}

static inline void lock_target(const char *target, const char *who, const char *reason, void *data)
{
    (void)data;
    note(world.locks, "%s(%s: %s) ", target, who, reason);
    world.locked = "locked";
}

static inline enum guard_lease lease(uint64_t *ret_token, const char **ret_holder, void *data)
{
    (void)ret_holder;
    (void)data;
    *ret_token = world.token;
    return world.lease;
}

static inline void mirror_write(const char *key, const char *json, uint64_t token,
                                remediation_mirrored_fn *fn, void *fn_data, void *data)
{
    (void)data;
    (void)json;
    note(world.mirrored, "%s@%d(%zu) ", key, (int)token, strlen(told.applied));
    if (world.on_mirror)
        world.on_mirror();
    fn(world.mirror_status, fn_data);
}

static inline void mirror_forget(void *fn_data, void *data)
{
    (void)fn_data;
    (void)data;
}

static inline void witness_ask(const char *sink, uint64_t seq, int64_t wait_ms,
                               audit_witnessed_fn *fn, void *fn_data, void *data)
{
    (void)data;
    assert_true(seq > 0);
    note(world.asked, "%s/%d(%zu) ", sink, (int)wait_ms, strlen(told.applied));
    world.witnessed_fn = fn;
    world.witnessed_data = fn_data;
}

static inline void witness_forget(void *fn_data, void *data)
{
    (void)data;
    assert_ptr_equal(fn_data, world.witnessed_data);
    world.witnessed_fn = NULL;
}

/* Notes "step" or "step(reason)" of each event. */
static inline void on_step(const struct event *event, void *data)
{
    (void)data;
    if (event->kind != EVENT_REMEDIATION)
        return;
    json_t *json = json_loadb(event->json, event->len, 0, NULL);
    const char *step = json_string_value(json_object_get(json, "step"));
    const char *reason = json_string_value(json_object_get(json, "reason"));
    const char *outcome = json_string_value(json_object_get(json, "outcome"));
    const char *id = json_string_value(json_object_get(json, "plan"));
    assert_non_null(step);
    note(stage.journal, "%s", step);
    if (reason || outcome)
        note(stage.journal, "(%s)", reason ? reason : outcome);
    note(stage.journal, " ");
    if (id)
        (void)snprintf(world.plan, sizeof(world.plan), "%s", id);
    (void)snprintf(world.run, sizeof(world.run), "%s", event->id);
    (void)snprintf(world.last, sizeof(world.last), "%.*s", (int)event->len, event->json);
    json_decref(json);
}

/* Until the disk has nothing to do any more, and nobody waits for it. */
static inline void settle(void)
{
    for (int quiet = 0; quiet < 4;) {
        loop_advance(stage.loop, 0);
        quiet = world.store && store_waiting(world.store) ? 0 : quiet + 1;
        if (!quiet)
            (void)usleep(100);
    }
}

/* Time passes; each second the disk has time to do what it has to. */
static inline void pass(uint64_t ms)
{
    settle();
    for (; ms >= SECOND; ms -= SECOND) {
        loop_advance(stage.loop, SECOND);
        settle();
    }
    if (ms)
        loop_advance(stage.loop, ms);
    settle();
}

/* What the sink says of the line that waits for it. */
static inline void witness(const char *why)
{
    audit_witnessed_fn *fn = world.witnessed_fn;
    assert_non_null(fn);
    world.witnessed_fn = NULL;
    fn(why, world.witnessed_data);
    pass(0);
}

static inline void write_file(const char *name, const char *text)
{
    MEM_AUTO char *path = mem_print("%s/%s", world.folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline struct entries *read_entries(struct config *config)
{
    MEM_AUTO char *folder = mem_print("%s/scripts", world.folder);
    struct entries *entries = entries_read(config, &stage.plugins, folder, false, &stage.problems);
    if (!entries && stage.problems.count)
        print_message("%s: %s\n", stage.problems.all[0].key, stage.problems.all[0].message);
    return entries;
}

static inline void open_state(void)
{
    struct error error = {0};
    MEM_AUTO char *folder = mem_print("%s/state", world.folder);
    world.store = store_open(stage.loop, folder, "", NULL, &error);
    assert_non_null(world.store);
    world.audit = audit_open(stage.loop, stage.bus, world.store, &error);
    assert_non_null(world.audit);
    world.sources = (struct guard_sources){.frozen = frozen,
                                           .silenced = silenced,
                                           .locked = locked,
                                           .lock = lock_target,
                                           .lease = lease};
    world.mirror =
        world.shares ? *world.shares
                     : (struct remediation_mirror){.write = mirror_write, .forget = mirror_forget};
    world.witness = (struct audit_witness){witness_ask, witness_forget, NULL};
    if (world.has_witness)
        audit_set_witness(world.audit, &world.witness);
    const struct remediation_needs needs = {.schedule = stage.schedule,
                                            .audit = world.audit,
                                            .store = world.store,
                                            .sources = &world.sources,
                                            .mirror = world.mirrors ? &world.mirror : NULL};
    world.all = remediations_create(&needs);
    remediations_use(world.all, world.entries);
}

static inline void close_state(void)
{
    remediations_destroy(world.all);
    audit_close(world.audit);
    store_close(world.store, 5000);
    world.all = NULL;
    world.store = NULL;
    world.audit = NULL;
}

#define HEAD                                                                                       \
    "guard: {mode: auto}\n"                                                                        \
    "targets: {db: {url: \"told://127.0.0.1\", act_as: {}}}\n"
#define FIX(more)                                                                                  \
    HEAD "remediations: {fix: {trigger: {check: db/look, status: critical}, script: t/fix, "       \
         "targets: {db: db}, allow: [\"db:stop\", \"db:drop\"]" more "}}\n"
#define AUTO ", mode: auto"
#define VERIFY ", verify: {check: db/look, condition: \"used < 80\", within: 10s, stable: 5s}"

/* Begins with that configuration, when all is well. */
static inline void start(const char *yaml)
{
    fill(yaml);
    world.entries = read_entries(stage.config);
    assert_non_null(world.entries);
    open_state();
    schedule_start(stage.schedule);
    pass(2 * SECOND);
    assert_string_equal(stage.journal, "");
}

/* As if the agent had ended and begun again: scripts are gone, the state is there. */
static inline void restart(void)
{
    close_state();
    stage.journal[0] = '\0';
    open_state();
}

/* The check turns critical, and its remediation begins. */
static inline void turn_bad(void)
{
    told.used = 95;
    pass(2 * SECOND);
}

static inline void said(const char *expected)
{
    assert_string_equal(stage.journal, expected);
    stage.journal[0] = '\0';
}

static inline void applied(const char *expected)
{
    assert_string_equal(told.applied, expected);
}

static inline struct remediation_decision by(const char *who)
{
    return (struct remediation_decision){
        .plan = world.plan, .who = who, .proof = "peercred", .from = "socket"};
}

static inline int approve(const char *who)
{
    struct remediation_decision decision = by(who);
    struct error error = {0};
    int status = remediations_approve(world.all, &decision, &error);
    (void)snprintf(world.last, sizeof(world.last), "%s", error.message);
    settle();
    return status;
}

static inline int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
    (void)stat;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static inline void on_nothing(int status, unsigned events, void *data)
{
    (void)status, (void)events, (void)data;
}

static inline int set_up(void **state)
{
    (void)state;
    memset(&told, 0, sizeof(told));
    memset(&world, 0, sizeof(world));
    told.keys[0] = "a";
    told.keys[1] = "b";
    told.total = 20;
    told.fixes = true;
    told.used = 10;
    (void)snprintf(world.folder, sizeof(world.folder), "/tmp/runbookd-remedy-XXXXXX");
    assert_non_null(mkdtemp(world.folder));
    MEM_AUTO char *scripts = mem_print("%s/scripts", world.folder);
    MEM_AUTO char *group = mem_print("%s/scripts/t", world.folder);
    assert_int_equal(mkdir(scripts, 0700), 0);
    assert_int_equal(mkdir(group, 0700), 0);
    write_file("scripts/t/fix.lua", script);
    open_stage(&plugin);
    bus_subscribe(stage.bus, on_step, NULL);
    assert_int_equal(pipe(world.pipe), 0);
    world.alive = watch_create(stage.loop, world.pipe[0], WATCH_READABLE, on_nothing, NULL);
    return 0;
}

static inline int tear_down(void **state)
{
    if (world.all)
        close_state();
    entries_release(world.entries);
    watch_destroy(world.alive);
    (void)close(world.pipe[0]);
    (void)close(world.pipe[1]);
    assert_int_equal(nftw(world.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    return close_stage(state);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
