#include "app/trial_lease.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "app/brakes.h"
#include "base/mem.h"
#include "incident/realm.h"
#include "io/loop.h"

enum { PATIENCE_MS = 10000, RELEASE_MS = 2000, LONGEST_HOST = 64 };

struct trial_lease {
    struct schedule *schedule;
    struct remediations *remediations;
    struct brakes brakes;
    struct lease *lease;
    struct realm *realm;
    struct guard_sources sources;
    struct remediation_mirror mirror;
    uint64_t until_us; /* it is waited for */
};

static bool needs_lease(const struct config *config, const struct entry *entry)
{
    for (size_t i = 0; config->agent.lease.target && i < entry->binding_count; i++)
        if (entry->bindings[i].target->where != PROBE_NODE)
            return true;
    return false;
}

int trial_lease_open(struct schedule *schedule, struct config *config, const struct entry *entry,
                     struct store *store, struct trial_lease **ret_lease)
{
    char host[LONGEST_HOST] = "unknown";
    struct error error;
    *ret_lease = NULL;
    if (!needs_lease(config, entry))
        return 0;
    (void)gethostname(host, sizeof(host) - 1);
    MEM_AUTO char *name = mem_print("%s/script-run-%d", host, (int)getpid());
    struct lease *held = lease_create(schedule->loop, schedule->bus, config, name, &error);
    if (!held) {
        (void)fprintf(stderr, "runbookd: %s\n", error.message);
        return -EINVAL;
    }
    struct trial_lease *lease = mem_new(sizeof(*lease));
    lease->schedule = schedule;
    lease->lease = held;
    brakes_open(&lease->brakes, schedule, store, NULL);
    lease->sources = (struct guard_sources){
        .frozen = brakes_frozen, .locked = brakes_locked, .control_data = &lease->brakes};
    *ret_lease = lease;
    return 0;
}

const struct guard_sources *trial_lease_sources(const struct trial_lease *lease)
{
    return lease ? &lease->sources : NULL;
}

const struct remediation_mirror *trial_lease_mirror(const struct trial_lease *lease)
{
    return lease ? &lease->mirror : NULL;
}

static int take_state(const char *key, const char *json, void *data)
{
    const struct trial_lease *lease = data;
    return remediations_take_state(lease->remediations, key, json);
}

static void take_said(const char *kind, const json_t *all, void *data)
{
    struct trial_lease *lease = data;
    brakes_take(&lease->brakes, kind, all);
}

void trial_lease_begin(struct trial_lease *lease, struct remediations *remediations)
{
    if (!lease)
        return;
    const struct realm_hears hears = {.said = take_said, .state = take_state, .data = lease};
    lease->remediations = remediations;
    lease->realm = realm_create(lease->schedule->loop, lease->lease, &hears);
    realm_freeze(lease->realm, lease->brakes.freeze);
    realm_serve(lease->realm, &lease->sources, &lease->mirror);
    lease->until_us = loop_now_us(lease->schedule->loop) + PATIENCE_MS * UINT64_C(1000);
    lease_start(lease->lease);
}

enum trial_lease_word trial_lease_look(struct trial_lease *lease)
{
    const char *holder = NULL;
    uint64_t token = 0;
    if (!lease)
        return TRIAL_LEASE_FINE;
    switch (lease->sources.lease(&token, &holder, lease->sources.lease_data)) {
    case GUARD_LEASE_HELD:
        return TRIAL_LEASE_FINE;
    case GUARD_LEASE_ELSEWHERE:
        (void)fprintf(
            stderr,
            "runbookd: nothing is changed: %s holds the realm's lease, and only who holds "
            "it changes what is of cluster scope\n"
            "hint: configure the script as a remediation, and start it by `runbookd "
            "remediate NAME`, which that agent or a standby of it takes; or stop the "
            "realm's agents, which give the lease back\n",
            holder);
        return TRIAL_LEASE_REFUSED;
    default:
        if (loop_now_us(lease->schedule->loop) < lease->until_us)
            return TRIAL_LEASE_WAITS;
        (void)fprintf(stderr,
                      "runbookd: nothing is changed: the realm's lease is not to be had: its store "
                      "does not answer, or somebody who held it has ended just now\n"
                      "hint: try it again; agent.lease says which target keeps it\n");
        return TRIAL_LEASE_REFUSED;
    }
}

static void on_released(void *data)
{
    loop_stop(data);
}

void trial_lease_close(struct trial_lease *lease)
{
    if (!lease)
        return;
    struct loop *loop = lease->schedule->loop;
    if (lease_held(lease->lease, NULL)) {
        lease_release(lease->lease, RELEASE_MS, on_released, loop);
        loop_run(loop);
    }
    realm_destroy(lease->realm);
    lease_destroy(lease->lease);
    lease->schedule->silence = (struct schedule_silence){0};
    brakes_close(&lease->brakes);
    free(lease);
}
