#include "incident/realm.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/wait.h"

#define PREFIX "guard/"
#define FREEZE "freeze"

enum { AGAIN_MS = 1000 };

struct realm {
    struct loop *loop;
    struct lease *lease;
    realm_state_fn *fn;
    void *data;
    struct freeze *freeze; /* NULL: it does not go over */
    unsigned reading;      /* answers that are due; the last one counts */
    bool known;            /* what the realm knows, since we took the lease */
    struct timer again;
};

/* ---------------------------------------------------------- for the guard ---- */

static enum guard_lease ask_lease(uint64_t *ret_token, const char **ret_holder, void *data)
{
    const struct realm *realm = data;
    int64_t token = 0;
    const char *holder = lease_holder(realm->lease);
    if (lease_held(realm->lease, &token)) {
        *ret_token = (uint64_t)token;
        return realm->known ? GUARD_LEASE_HELD : GUARD_LEASE_UNKNOWN;
    }
    *ret_holder = holder;
    return holder ? GUARD_LEASE_ELSEWHERE : GUARD_LEASE_UNKNOWN;
}

static void write_state(const char *key, const char *json, uint64_t token,
                        remediation_mirrored_fn *fn, void *fn_data, void *data)
{
    const struct realm *realm = data;
    MEM_AUTO char *full = mem_print(PREFIX "%s", key);
    lease_put(realm->lease, (int64_t)token, full, json, fn, fn_data);
}

static void forget(void *fn_data, void *data)
{
    const struct realm *realm = data;
    lease_forget(realm->lease, fn_data);
}

void realm_serve(struct realm *realm, struct guard_sources *sources,
                 struct remediation_mirror *ret_mirror)
{
    sources->lease = ask_lease;
    sources->lease_data = realm;
    *ret_mirror = (struct remediation_mirror){write_state, forget, realm};
}

/* -------------------------------------------------------------- the lease ---- */

static void read_state(struct realm *realm);

static void on_again(void *data)
{
    read_state(data);
}

/* Whether this is the answer that counts; where there is none, it is asked for again. */
static bool is_answer(struct realm *realm, int status)
{
    if (--realm->reading > 0 || !lease_held(realm->lease, NULL))
        return false;
    if (status == 0)
        return true;
    log_error("what was done in the realm cannot be read, so nothing is done: %s",
              strerror(-status));
    timer_start(&realm->again, realm->loop, AGAIN_MS, on_again, realm);
    return false;
}

static void on_got(int status, const struct probe_pair *documents, void *data)
{
    struct realm *realm = data;
    if (!is_answer(realm, status))
        return;
    for (; documents->name; documents++)
        if (realm->fn(documents->name + strlen(PREFIX), documents->value, realm->data) < 0)
            log_warn("the realm's document %s cannot be read", documents->name);
    realm->known = true;
}

/* What cannot be read as a freeze is one: somebody has written it to stop something. */
static void take_freeze(struct realm *realm, const char *value)
{
    json_t *now = value ? json_loads(value, 0, NULL) : NULL;
    if (value && !json_is_boolean(json_object_get(now, "on"))) {
        json_decref(now);
        now = json_pack("{s:b, s:I, s:s, s:s}",
                        "on",
                        true,
                        "at_ms",
                        (json_int_t)loop_wall_ms(realm->loop),
                        "who",
                        "nobody known",
                        "reason",
                        "the realm's freeze cannot be read");
    }
    freeze_take(realm->freeze, now);
    json_decref(now);
}

/* The freeze comes first: once the rest is known, it may be acted. */
static void on_freeze(int status, const struct probe_pair *documents, void *data)
{
    struct realm *realm = data;
    if (!is_answer(realm, status))
        return;
    while (documents->name && strcmp(documents->name, FREEZE) != 0)
        documents++;
    take_freeze(realm, documents->name ? documents->value : NULL);
    realm->reading++;
    lease_get(realm->lease, PREFIX, on_got, realm);
}

static void read_state(struct realm *realm)
{
    realm->reading++;
    lease_get(
        realm->lease, realm->freeze ? FREEZE : PREFIX, realm->freeze ? on_freeze : on_got, realm);
}

static void on_frozen(const json_t *now, void *data)
{
    const struct realm *realm = data;
    int64_t token = 0;
    char *json = json_dumps(now, JSON_COMPACT);
    if (json && lease_held(realm->lease, &token))
        lease_put(realm->lease, token, FREEZE, json, NULL, NULL);
    free(json);
}

static void on_lease(bool held, void *data)
{
    struct realm *realm = data;
    realm->known = false;
    timer_stop(&realm->again);
    if (held)
        read_state(realm);
}

struct realm *realm_create(struct loop *loop, struct lease *lease, struct freeze *freeze,
                           realm_state_fn *fn, void *data)
{
    struct realm *realm = mem_new(sizeof(*realm));
    *realm = (struct realm){.loop = loop, .lease = lease, .freeze = freeze, .fn = fn, .data = data};
    if (freeze)
        freeze_mirror(freeze, on_frozen, realm);
    lease_watch(lease, on_lease, realm);
    if (lease_held(lease, NULL))
        on_lease(true, realm);
    return realm;
}

void realm_destroy(struct realm *realm)
{
    if (!realm)
        return;
    if (realm->freeze)
        freeze_mirror(realm->freeze, NULL, NULL);
    timer_stop(&realm->again);
    lease_unwatch(realm->lease, on_lease, realm);
    lease_forget(realm->lease, realm);
    free(realm);
}
