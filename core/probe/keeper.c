#include "probe/keeper.h"

#include <errno.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "base/units.h"
#include "io/loop.h"
#include "io/wait.h"
#include "probe/answer.h"
#include "probe/host.h"
#include "probe/note.h"

enum { DEFAULT_TIMEOUT_MS = 10000 };

struct keeper {
    struct config *whole;
    const struct plugin *plugin;
    struct probe_lease lease; /* the plugin's, as far as it knows it */
    struct list claims;       /* the first one is at work */
    struct notes notes;
    struct tether tether;
    struct probe_target face;
};

TETHER_FITS(struct keeper);

struct claim {
    struct list link;
    struct keeper *keeper;
    struct probe_claim asked; /* strings of its own */
    keeper_fn *fn;
    void *data;
    bool at_work, over, timed_out;
    uint64_t asked_us;
    int64_t timeout_ms;
    struct timer start, deadline, burial;
    struct answer failure; /* with a status: there is no tenure */
    struct probe_tenure tenure;
    struct probe_pair *documents;
    size_t document_count;
    struct tether tether;
    struct probe_run face;
};

TETHER_FITS(struct claim);

static struct claim *claim_of(struct probe_run *face)
{
    return container_of(face, struct claim, face);
}

/* -------------------------------------------------------------- the end ---- */

static void pump(struct keeper *keeper);

static void free_claim(struct claim *claim)
{
    timer_stop(&claim->start);
    timer_stop(&claim->deadline);
    timer_stop(&claim->burial);
    list_remove(&claim->link);
    life_drop(&claim->tether.life);
    for (size_t i = 0; i < claim->document_count; i++) {
        free((void *)claim->documents[i].name);
        free((void *)claim->documents[i].value);
    }
    free(claim->documents);
    free((void *)claim->tenure.holder);
    free((void *)claim->asked.realm);
    free((void *)claim->asked.holder);
    free((void *)claim->asked.key);
    free((void *)claim->asked.value);
    answer_finish(&claim->failure);
    free(claim->face.data);
    free(claim);
}

/* Lets the plugin forget it. */
static void forget(struct claim *claim)
{
    const struct probe_lease *lease = &claim->keeper->lease;
    if (claim->at_work && lease->ended)
        BLAME(claim->tether.life.owner, lease->ended(&claim->keeper->face, &claim->face));
    life_drop(&claim->tether.life);
}

/* The answer goes out last: who hears it may ask again, or end all. */
static void bury(void *data)
{
    struct claim *claim = data;
    timer_stop(&claim->burial);
    forget(claim);
    list_remove(&claim->link);
    pump(claim->keeper);
    const struct keeper_answer answer = {
        .status = claim->failure.status,
        .reason = claim->failure.reason,
        .summary = claim->failure.summary,
        .hint = claim->failure.hint,
        .held = claim->tenure.held,
        .token = claim->tenure.token,
        .left_ms = claim->tenure.left_ms,
        .holder = claim->tenure.holder,
        .documents = claim->documents,
        .asked_us = claim->asked_us,
    };
    claim->fn(&answer, claim->data);
    free_claim(claim);
}

static void end(struct claim *claim)
{
    claim->over = true;
    timer_stop(&claim->deadline);
    life_drop(&claim->tether.life);
    timer_start(&claim->burial, claim->tether.life.loop, 0, bury, claim);
}

static void on_deadline(void *data)
{
    struct claim *claim = data;
    char limit[UNITS_DURATION_LEN];
    claim->timed_out = true;
    life_end(&claim->tether.life, -ETIMEDOUT);
    if (claim->over)
        return;
    units_print_duration(claim->timeout_ms, limit);
    answer_fail(&claim->failure, -ETIMEDOUT, "timeout", "no answer within %s", limit);
    end(claim);
}

/* --------------------------------------------------------- what it says ---- */

/* Whether it may still say something. */
static bool listens(struct claim *claim)
{
    if (claim->over && !claim->timed_out) /* else it may not know yet that we did */
        log_error("%s: the plugin ended a claim twice", claim->tether.name);
    return !claim->over;
}

static void take_documents(struct claim *claim, const struct probe_pair *documents)
{
    size_t count = 0;
    while (documents && documents[count].name && count < KEEPER_DOCUMENTS)
        count++;
    claim->documents = mem_array(count + 1, sizeof(*claim->documents));
    claim->document_count = count;
    for (size_t i = 0; i < count; i++)
        claim->documents[i] = (struct probe_pair){
            .name = mem_copy(documents[i].name),
            .value = mem_copy(documents[i].value ? documents[i].value : ""),
        };
}

void keeper_leased(struct probe_run *face, const struct probe_tenure *given)
{
    struct claim *claim = claim_of(face);
    struct probe_tenure own = {0};
    if (!listens(claim))
        return;
    memcpy(&own, given, given->size < sizeof(own) ? given->size : sizeof(own));
    bool takes = claim->asked.what == PROBE_LEASE_TAKE || claim->asked.what == PROBE_LEASE_RENEW;
    if (takes && own.held && own.token <= 0) {
        answer_fail(&claim->failure, -EPROTO, "protocol", "the store gave a lease without a token");
    } else {
        take_documents(claim, own.documents);
        own.documents = NULL;
        own.holder = mem_copy(own.holder);
        claim->tenure = own;
    }
    end(claim);
}

void keeper_end(struct probe_run *face, const struct probe_ending *ending)
{
    struct claim *claim = claim_of(face);
    struct probe_ending own = {0};
    if (!listens(claim))
        return;
    if (ending) {
        memcpy(&own, ending, ending->size < sizeof(own) ? ending->size : sizeof(own));
        answer_take_ending(&claim->failure, &own);
    } else {
        answer_fail(
            &claim->failure, -EPROTO, "protocol", "the plugin ended without saying who holds it");
    }
    end(claim);
}

void keeper_refuse(struct probe_run *face)
{
    struct claim *claim = claim_of(face);
    if (!listens(claim))
        return;
    answer_fail(&claim->failure, -EPROTO, "protocol", "the plugin answered what was not asked");
    end(claim);
}

/* ------------------------------------------------------------ its start ---- */

static void begin(struct claim *claim)
{
    struct keeper *keeper = claim->keeper;
    struct loop *loop = claim->tether.life.loop;
    claim->at_work = true;
    claim->asked_us = loop_now_us(loop);
    claim->face.data = keeper->lease.run_size ? mem_new(keeper->lease.run_size) : NULL;
    claim->face.deadline_ms = claim->asked_us / 1000u + (uint64_t)claim->timeout_ms;
    timer_start(&claim->deadline, loop, (uint64_t)claim->timeout_ms, on_deadline, claim);
    BLAME(claim->tether.life.owner, keeper->lease.claim(&keeper->face, &claim->face));
}

static void on_start(void *data)
{
    struct claim *claim = data;
    if (claim->failure.status) {
        bury(claim);
    } else if (claim->keeper->plugin->aside) {
        answer_fail(&claim->failure, -ECANCELED, "set_aside", "%s", claim->keeper->plugin->aside);
        answer_hint(&claim->failure, claim->keeper->plugin->hint);
        end(claim);
    } else {
        begin(claim);
    }
}

/* The first one begins, on the next turn: nothing is called back within keeper_ask(). */
static void pump(struct keeper *keeper)
{
    if (list_empty(&keeper->claims))
        return;
    struct claim *claim = list_first(&keeper->claims, struct claim, link);
    if (!claim->at_work && !claim->over && !timer_pending(&claim->start))
        timer_start(&claim->start, claim->tether.life.loop, 0, on_start, claim);
}

static int64_t timeout_of(const struct keeper *keeper, int64_t ttl_ms)
{
    int64_t ms = DEFAULT_TIMEOUT_MS;
    if (keeper->lease.timeout)
        (void)units_duration(keeper->lease.timeout, &ms);
    return ttl_ms > 0 && ttl_ms / 2 < ms ? ttl_ms / 2 : ms;
}

/* What needs not be asked. */
static void refuse(struct claim *claim)
{
    size_t waiting = 0;
    for (const struct list *link = claim->keeper->claims.next; link != &claim->keeper->claims;
         link = link->next)
        waiting++;
    if (claim->asked.value && strlen(claim->asked.value) > KEEPER_LONGEST)
        answer_fail(&claim->failure,
                    -E2BIG,
                    "too_large",
                    "the document %s is longer than %d bytes",
                    claim->asked.key,
                    (int)KEEPER_LONGEST);
    else if (waiting >= KEEPER_WAITING)
        answer_fail(
            &claim->failure, -EBUSY, "busy", "%zu claims wait for the store already", waiting);
}

void keeper_ask(struct keeper *keeper, const struct probe_claim *asked, keeper_fn *fn, void *data)
{
    struct claim *claim = mem_new(sizeof(*claim));
    claim->keeper = keeper;
    claim->fn = fn;
    claim->data = data;
    claim->asked = *asked;
    claim->asked.realm = mem_copy(asked->realm);
    claim->asked.holder = mem_copy(asked->holder);
    claim->asked.key = mem_copy(asked->key);
    claim->asked.value = mem_copy(asked->value);
    claim->timeout_ms = timeout_of(keeper, asked->ttl_ms);
    life_init(&claim->tether.life, keeper->tether.life.loop);
    claim->tether.life.owner = &keeper->plugin->blame;
    claim->tether.sizes = &keeper->plugin->face.sizes;
    claim->tether.name = keeper->tether.name;
    claim->tether.notes = &keeper->notes;
    claim->face = (struct probe_run){
        .life = {&host_services},
        .target = &keeper->face,
        .name = "lease",
        .claim = &claim->asked,
    };
    list_init(&claim->link);
    refuse(claim);
    list_add(&keeper->claims, &claim->link);
    if (claim->failure.status) /* needs not wait for the others */
        timer_start(&claim->start, claim->tether.life.loop, 0, on_start, claim);
    pump(keeper);
}

/* --------------------------------------------------------------- keeper ---- */

static void release(struct keeper *keeper)
{
    life_drop(&keeper->tether.life);
    notes_finish(&keeper->notes);
    config_destroy(keeper->whole);
    free(keeper->face.data);
    free(keeper);
}

/* Whether the plugin accepts it once more. */
static int create(struct keeper *keeper, struct error *error)
{
    const struct probe_plugin *plugin = &keeper->plugin->face;
    struct host_refusal refusal;
    int status = 0;
    if (!plugin->create || keeper->plugin->aside)
        return 0;
    host_refusal_init(&refusal);
    BLAME(&keeper->plugin->blame, status = plugin->create(&keeper->face, &refusal.face));
    if (status < 0)
        (void)error_set(error,
                        status,
                        "%s refuses its target as the keeper of a lease: %s",
                        plugin->name,
                        refusal.text ? refusal.text : "it does not say why");
    host_refusal_finish(&refusal);
    return status;
}

struct keeper *keeper_create(struct loop *loop, struct config *whole,
                             const struct config_target *config, struct error *error)
{
    const struct probe_plugin *plugin = &config->plugin->face;
    struct keeper *keeper = mem_new(sizeof(*keeper));
    keeper->whole = config_hold(whole);
    keeper->plugin = config->plugin;
    size_t size = plugin->lease->size;
    memcpy(
        &keeper->lease, plugin->lease, size < sizeof(keeper->lease) ? size : sizeof(keeper->lease));
    list_init(&keeper->claims);
    life_init(&keeper->tether.life, loop);
    keeper->tether.life.owner = &config->plugin->blame;
    keeper->tether.sizes = &plugin->sizes;
    keeper->tether.name = config->name;
    keeper->tether.notes = &keeper->notes;
    keeper->face = (struct probe_target){
        .life = {&host_services},
        .name = config->name,
        .config = config->config,
        .data = plugin->data_size ? mem_new(plugin->data_size) : NULL,
    };
    if (create(keeper, error) == 0)
        return keeper;
    release(keeper);
    return NULL;
}

void keeper_destroy(struct keeper *keeper)
{
    struct claim *claim;
    if (!keeper)
        return;
    const struct plugin *plugin = keeper->plugin;
    list_for_each(claim, &keeper->claims, struct claim, link) {
        if (claim->at_work && !claim->over)
            life_end(&claim->tether.life, -ECANCELED);
        claim->over = true;
        forget(claim);
        free_claim(claim);
    }
    life_end(&keeper->tether.life, -ECANCELED);
    if (plugin->face.destroy && !plugin->aside)
        BLAME(&plugin->blame, plugin->face.destroy(&keeper->face));
    release(keeper);
}
