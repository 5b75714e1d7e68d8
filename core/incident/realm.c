#include "incident/realm.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "incident/realm_parts.h"
#include "io/loop.h"

#define GUARD "guard/"
#define COURSE "course/"
#define SAID "said/"
#define FREEZE "freeze"

enum { AGAIN_MS = 1000 };

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
    MEM_AUTO char *full = mem_print(GUARD "%s", key);
    lease_put(realm->lease, (int64_t)token, full, json, fn, fn_data);
}

static void forget(void *fn_data, void *data)
{
    const struct realm *realm = data;
    lease_forget(realm->lease, fn_data);
}

static void keep(const char *run, const char *json, void *data)
{
    struct realm *realm = data;
    MEM_AUTO char *key = mem_print(COURSE "%s", run);
    realm_put(realm, key, json, NULL, NULL);
}

static bool has_all(void *data)
{
    return !realm_lacks(data);
}

void realm_serve(struct realm *realm, struct guard_sources *sources,
                 struct remediation_mirror *ret_mirror)
{
    sources->lease = ask_lease;
    sources->lease_data = realm;
    *ret_mirror = (struct remediation_mirror){write_state, forget, keep, has_all, realm};
}

/* ---------------------------------------------------------------- reading ---- */

static void read_next(struct realm *realm);

static void on_again(void *data)
{
    read_next(data);
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

/* What cannot be read as a freeze is one: somebody has written it to stop something. */
static void take_freeze(struct realm *realm, const struct probe_pair *documents)
{
    while (documents->name && strcmp(documents->name, FREEZE) != 0)
        documents++;
    json_t *now = documents->name ? json_loads(documents->value, 0, NULL) : NULL;
    if (documents->name && !json_is_boolean(json_object_get(now, "on"))) {
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
    if (realm->freeze)
        freeze_take(realm->freeze, now);
    json_decref(now);
}

static void take_said(struct realm *realm, const struct probe_pair *documents)
{
    static const char *const kinds[] = {"silence", "lock", "ack"};
    for (size_t i = 0; realm->hears.said && i < COUNT_OF(kinds); i++) {
        json_t *all = json_object();
        MEM_AUTO char *prefix = mem_print(SAID "%s/", kinds[i]);
        for (const struct probe_pair *at = documents; at->name; at++) {
            json_t *body = strncmp(at->name, prefix, strlen(prefix)) == 0
                               ? json_loads(at->value, JSON_DECODE_ANY, NULL)
                               : NULL;
            if (strncmp(at->name, prefix, strlen(prefix)) == 0)
                (void)json_object_set_new(
                    all, at->name + strlen(prefix), body ? body : json_null());
        }
        realm->hears.said(kinds[i], all, realm->hears.data);
        json_decref(all);
    }
}

static void tell(const struct realm *realm, const char *prefix, const struct probe_pair *documents,
                 int (*fn)(const char *key, const char *json, void *data))
{
    for (; fn && documents->name; documents++)
        if (fn(documents->name + strlen(prefix), documents->value, realm->hears.data) < 0)
            log_warn("the realm's document %s cannot be read", documents->name);
}

static void take_courses(struct realm *realm, const struct probe_pair *documents)
{
    tell(realm, COURSE, documents, realm->hears.course);
}

static void take_states(struct realm *realm, const struct probe_pair *documents)
{
    tell(realm, GUARD, documents, realm->hears.state);
}

/* What holds back comes before what is held back; once all is known, it may be acted. */
static const struct stage {
    const char *prefix;
    void (*take)(struct realm *realm, const struct probe_pair *documents);
} stages[] = {
    {FREEZE, take_freeze}, {SAID, take_said}, {COURSE, take_courses}, {GUARD, take_states}};

static void on_got(int status, const struct probe_pair *documents, void *data)
{
    struct realm *realm = data;
    if (!is_answer(realm, status))
        return;
    stages[realm->stage++].take(realm, documents);
    if (realm->stage < COUNT_OF(stages)) {
        read_next(realm);
        return;
    }
    realm->known = true;
    if (realm->hears.over)
        realm->hears.over(true, realm->hears.data);
}

static void read_next(struct realm *realm)
{
    realm->reading++;
    lease_get(realm->lease, stages[realm->stage].prefix, on_got, realm);
}

bool realm_reads(const struct realm *realm)
{
    return realm && lease_held(realm->lease, NULL) && !realm->known;
}

/* ---------------------------------------------------------------- writing ---- */

static void on_frozen(const json_t *now, void *data)
{
    char *json = json_dumps(now, JSON_COMPACT);
    if (json)
        realm_put(data, FREEZE, json, NULL, NULL);
    free(json);
}

void realm_freeze(struct realm *realm, struct freeze *freeze)
{
    realm->freeze = freeze;
    freeze_mirror(freeze, on_frozen, realm);
}

static void on_said(const char *kind, const char *id, const json_t *body, memo_done_fn *fn,
                    void *fn_data, void *data)
{
    MEM_AUTO char *key = mem_print(SAID "%s/%s", kind, id);
    char *json = body ? json_dumps(body, JSON_COMPACT) : NULL;
    realm_put(data, key, json, fn, fn_data);
    free(json);
}

void realm_memo(struct realm *realm, struct memo *memo)
{
    realm->memo = memo;
    memo_mirror(memo, on_said, realm);
}

/* -------------------------------------------------------------- the lease ---- */

static void on_lease(bool held, void *data)
{
    struct realm *realm = data;
    realm->known = false;
    realm->stage = 0;
    timer_stop(&realm->again);
    if (held)
        read_next(realm);
    else if (realm->hears.over)
        realm->hears.over(false, realm->hears.data);
}

struct realm *realm_create(struct loop *loop, struct lease *lease, const struct realm_hears *hears)
{
    struct realm *realm = mem_new(sizeof(*realm));
    *realm = (struct realm){.loop = loop, .lease = lease, .hears = *hears};
    list_init(&realm->documents);
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
    if (realm->memo)
        memo_mirror(realm->memo, NULL, NULL);
    timer_stop(&realm->again);
    lease_unwatch(realm->lease, on_lease, realm);
    lease_forget(realm->lease, realm);
    realm_drop(realm);
    free(realm);
}
