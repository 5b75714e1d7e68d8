/*
 * lease_fixture - one agent of a realm and a store that does as it is told, on a driven clock: for
 * test_lease and test_realm.
 */
#ifndef UNIT_LEASE_FIXTURE_H
#define UNIT_LEASE_FIXTURE_H

#include "schedule_fixture.h"

#include <errno.h>

#include "base/mem.h"
#include "incident/handover.h"
#include "probe/rest.h"

enum { TTL_MS = 9000 };

/* ---------------------------------------------------------------- store ---- */

static struct {
    char holder[32];
    int64_t token;
    uint64_t until_ms;
    char documents[8][2][2048];
    size_t document_count;
    bool away, silent; /* refuses; never answers */
    uint64_t takes_ms; /* until it answers */
    unsigned claims;
} store;

static uint64_t now_ms(void)
{
    return loop_now_us(stage.loop) / 1000u;
}

static bool holds(const struct probe_claim *claim)
{
    return now_ms() < store.until_ms && claim->token == store.token &&
           strcmp(claim->holder, store.holder) == 0;
}

static bool take(const struct probe_claim *claim)
{
    if (now_ms() < store.until_ms && strcmp(claim->holder, store.holder) != 0)
        return false;
    if (now_ms() >= store.until_ms)
        store.token++;
    (void)snprintf(store.holder, sizeof(store.holder), "%s", claim->holder);
    store.until_ms = now_ms() + (uint64_t)claim->ttl_ms;
    return true;
}

static void put(const char *key, const char *value)
{
    size_t at = 0;
    while (at < store.document_count && strcmp(store.documents[at][0], key) != 0)
        at++;
    store.document_count += at == store.document_count;
    (void)snprintf(store.documents[at][0], sizeof(store.documents[at][0]), "%s", key);
    (void)snprintf(store.documents[at][1], sizeof(store.documents[at][1]), "%s", value);
}

static void drop(const char *key)
{
    for (size_t i = 0; i < store.document_count; i++) {
        if (strcmp(store.documents[i][0], key) != 0)
            continue;
        store.document_count--;
        memmove(store.documents[i],
                store.documents[i + 1],
                (store.document_count - i) * sizeof(store.documents[0]));
        return;
    }
}

static inline const char *document(const char *key)
{
    for (size_t i = 0; i < store.document_count; i++)
        if (strcmp(store.documents[i][0], key) == 0)
            return store.documents[i][1];
    return "";
}

static void decide(struct probe_run *run)
{
    const struct probe_claim *claim = run->claim;
    struct probe_pair documents[9] = {{0}};
    size_t count = 0;
    bool held = false;
    if (store.away) {
        probe_end(run, .status = -ECONNREFUSED, .summary = "nobody listens", .hint = "start it");
        return;
    }
    if (claim->what == PROBE_LEASE_TAKE)
        held = take(claim);
    else if (claim->what != PROBE_LEASE_READ)
        held = holds(claim) || (claim->what == PROBE_LEASE_WRITE && claim->token == 0 &&
                                strncmp(claim->key, LEASE_POST, strlen(LEASE_POST)) == 0);
    if (claim->what == PROBE_LEASE_RENEW && held)
        store.until_ms = now_ms() + (uint64_t)claim->ttl_ms;
    if (claim->what == PROBE_LEASE_RELEASE && held)
        store.until_ms = 0;
    if (claim->what == PROBE_LEASE_WRITE && held && claim->value)
        put(claim->key, claim->value);
    else if (claim->what == PROBE_LEASE_WRITE && held)
        drop(claim->key);
    for (size_t i = 0; claim->what == PROBE_LEASE_READ && i < store.document_count; i++)
        if (strncmp(store.documents[i][0], claim->key, strlen(claim->key)) == 0)
            documents[count++] =
                (struct probe_pair){.name = store.documents[i][0], .value = store.documents[i][1]};
    probe_leased(run,
                 .held = held,
                 .token = store.token,
                 .holder = store.until_ms > now_ms() ? store.holder : NULL,
                 .left_ms = store.until_ms > now_ms() ? (int64_t)(store.until_ms - now_ms()) : 0,
                 .documents = documents);
}

static void on_time(int status, void *data)
{
    struct probe_run *run = data;
    note(stage.journal, status == 0 ? "" : status == -ETIMEDOUT ? "late " : "canceled ");
    if (status == 0)
        decide(run);
}

static void claim(struct probe_target *self, struct probe_run *run)
{
    static const char *const names[] = {"", "take", "renew", "release", "read", "write"};
    assert_null(run->check);
    assert_null(run->action);
    assert_ptr_equal(run->target, self);
    store.claims++;
    note(stage.journal, "%s:%s ", names[run->claim->what], run->claim->holder);
    if (store.takes_ms || store.silent)
        (void)probe_timer(&run->life, store.silent ? UINT64_MAX : store.takes_ms, on_time, run);
    else
        decide(run);
}

static void claim_ended(struct probe_target *self, struct probe_run *run)
{
    (void)self, (void)run;
}

/* --------------------------------------------------------------- plugin ---- */

struct options {
    const struct probe_url *url;
};

static int64_t length = 1; /* what the check measures */

static int create(struct probe_target *self, struct probe_error *error)
{
    (void)error;
    note(stage.journal, "+%s ", self->name);
    return 0;
}

static void destroy(struct probe_target *self)
{
    note(stage.journal, "-%s ", self->name);
}

static void run_check(struct probe_target *self, struct probe_run *run)
{
    note(stage.journal, "ask:%s ", self->name);
    probe_report(run, .summary = "so it is", .fields = PROBE_FIELDS(probe_int("length", length)));
    probe_done(run);
}

static const struct probe_option target_options[] = {{"url", PROBE_URL_AT(struct options, url)},
                                                     {0}};
static const struct probe_measure measures[] = {{"length", "how long"}, {0}};
static const struct probe_check checks[] = {{.name = "depth",
                                             .title = "t",
                                             .every = "1s",
                                             .timeout = "500ms",
                                             .measures = measures,
                                             .critical = "length > 3",
                                             .run = run_check},
                                            {0}};
static const struct probe_lease lease_of_told = {
    .size = sizeof(struct probe_lease), .timeout = "3s", .claim = claim, .ended = claim_ended};
static const struct probe_plugin told = {
    PROBE_ABI,
    .name = "told",
    .version = "1",
    .summary = "does as it is told",
    .scheme = "told",
    .options = target_options,
    .config_size = sizeof(struct options),
    .checks = checks,
    .create = create,
    .destroy = destroy,
    .lease = &lease_of_told,
};

/* --------------------------------------------------------------- fixture ---- */

static struct lease *ours;
static struct handover *handover;
static char heard[4096]; /* agent events, by their step */

static void on_agent_event(const struct event *event, void *data)
{
    (void)data;
    if (event->kind != EVENT_AGENT)
        return;
    const char *step = strstr(event->json, "\"step\":\"") + strlen("\"step\":\"");
    (void)snprintf(heard + strlen(heard),
                   sizeof(heard) - strlen(heard),
                   "%.*s ",
                   (int)strcspn(step, "\""),
                   step);
}

static int setup(void **state)
{
    (void)state;
    memset(&store, 0, sizeof(store));
    heard[0] = '\0';
    length = 1;
    open_stage(&told);
    bus_subscribe(stage.bus, on_agent_event, NULL);
    fill("agent: {realm: r, lease: {target: db, ttl: 9s}}\n"
         "targets:\n"
         "  db: {url: \"told://h\"}\n"
         "  host: {url: \"told://h\", scope: node}\n");
    struct error error;
    ours = lease_create(stage.loop, stage.bus, stage.config, "we", &error);
    assert_non_null(ours);
    handover = handover_create(stage.schedule, ours, TTL_MS);
    lease_start(ours);
    schedule_start(stage.schedule);
    return 0;
}

static int teardown(void **state)
{
    handover_destroy(handover);
    lease_destroy(ours);
    return close_stage(state);
}

static void pass(uint64_t ms)
{
    heard[0] = '\0';
    pass_ms(ms);
}

/* Another agent has it, until so long from now. */
static inline void let_other_have_it(uint64_t ms)
{
    (void)snprintf(store.holder, sizeof(store.holder), "other");
    store.token++;
    store.until_ms = now_ms() + ms;
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
