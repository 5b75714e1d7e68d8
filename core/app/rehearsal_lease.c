/*
 * rehearsal_lease - the realm's lease in a case: held here, or by another agent, from a time on.
 *
 * Elsewhere the targets of cluster scope rest: a check of theirs is not asked, nothing is said of it, and the guard
 * refuses what would change them.
 *
 * Layer: app.  Part of app/rehearsal.
 */
#include <string.h>

#include "app/rehearsal_parts.h"
#include "probe/rest.h"

static enum guard_lease ask(uint64_t *ret_token, const char **ret_holder, void *data)
{
    const struct world *world = data;
    *ret_token = 1;
    *ret_holder = "another agent";
    return world->elsewhere ? GUARD_LEASE_ELSEWHERE : GUARD_LEASE_HELD;
}

static bool serves(void *data)
{
    const struct world *world = data;
    return !world->elsewhere;
}

/* What the other agent would find is nothing of this case. */
static void keep(const char *run, const char *json, void *data)
{
    (void)run;
    (void)json;
    (void)data;
}

static void write_state(const char *key, const char *json, uint64_t token,
                        remediation_mirrored_fn *fn, void *fn_data, void *data)
{
    (void)key;
    (void)json;
    (void)token;
    (void)data;
    fn(0, fn_data);
}

static void forget(void *fn_data, void *data)
{
    (void)fn_data;
    (void)data;
}

void lease_prepare(struct world *world)
{
    bool any = false;
    for (size_t i = 0; i < world->test->given_count; i++)
        any = any || world->test->given[i].lease;
    if (!any)
        return;
    world->repair.sources.lease = ask;
    world->repair.sources.lease_data = world;
    world->repair.mirror =
        (struct remediation_mirror){.write = write_state, .forget = forget, .keep = keep};
    world->schedule->serves = serves;
    world->schedule->serves_data = world;
}

void lease_move(struct world *world, const struct given *given)
{
    bool elsewhere = strcmp(given->lease, "elsewhere") == 0;
    if (elsewhere == world->elsewhere)
        return;
    world->elsewhere = elsewhere;
    if (elsewhere)
        rest_begin(world->schedule);
    else
        rest_end(world->schedule);
    remediations_over(world->repair.remediations, !elsewhere);
}
