#include "app/repair.h"

#include "base/log.h"

static int take_state(const char *key, const char *json, void *data)
{
    const struct repair *repair = data;
    return remediations_take_state(repair->remediations, key, json);
}

void repair_open(struct repair *repair, struct schedule *schedule, struct store *store,
                 struct brakes *brakes)
{
    struct error error;
    *repair = (struct repair){
        .schedule = schedule,
        .sources = {.frozen = brakes_frozen,
                    .silenced = brakes_silenced,
                    .locked = brakes_locked,
                    .lock = brakes_lock,
                    .control_data = brakes},
    };
    repair->audit = audit_open(schedule->loop, schedule->bus, store, &error);
    if (!repair->audit) {
        log_error("%s: nothing will be changed", error.message);
        return;
    }
    brakes->audit = repair->audit;
    const struct remediation_needs needs = {.schedule = schedule,
                                            .audit = repair->audit,
                                            .store = store,
                                            .sources = &repair->sources,
                                            .mirror = &repair->mirror};
    repair->remediations = remediations_create(&needs);
}

static int take_course(const char *run, const char *json, void *data)
{
    const struct repair *repair = data;
    return remediations_take_course(repair->remediations, run, json);
}

static void on_over(bool ours, void *data)
{
    const struct repair *repair = data;
    remediations_over(repair->remediations, ours);
}

static void take_said(const char *kind, const json_t *all, void *data)
{
    const struct repair *repair = data;
    brakes_take(repair->sources.control_data, kind, all);
}

void repair_lease(struct repair *repair, struct lease *lease)
{
    struct brakes *brakes = repair->sources.control_data;
    const struct realm_hears hears = {.said = take_said,
                                      .course = take_course,
                                      .state = take_state,
                                      .over = on_over,
                                      .data = repair};
    if (!repair->remediations)
        return;
    repair->realm = realm_create(repair->schedule->loop, lease, &hears);
    realm_freeze(repair->realm, brakes->freeze);
    realm_memo(repair->realm, brakes->memo);
    realm_serve(repair->realm, &repair->sources, &repair->mirror);
}

static void ask_sink(const char *sink, uint64_t seq, int64_t wait_ms, audit_witnessed_fn *fn,
                     void *fn_data, void *data)
{
    sinks_ask(data, sink, seq, wait_ms, fn, fn_data);
}

static void forget_sink(void *fn_data, void *data)
{
    sinks_forget(data, fn_data);
}

void repair_witness(struct repair *repair, struct sinks *sinks)
{
    if (!repair->audit)
        return;
    repair->witness = (struct audit_witness){ask_sink, forget_sink, sinks};
    audit_set_witness(repair->audit, &repair->witness);
}

static void write_digest(struct writer *writer, void *data)
{
    writer_string(writer, "config", data);
}

void repair_use(struct repair *repair, struct entries *entries, const char *digest, bool again)
{
    if (!repair->remediations || !entries)
        return;
    remediations_use(repair->remediations, entries);
    if (again)
        audit_add(
            repair->audit,
            &(const struct audit_line){
                "reloaded", "another configuration is in force", write_digest, (void *)digest},
            NULL,
            NULL);
}

void repair_write(const struct repair *repair, struct writer *writer)
{
    if (!repair->remediations)
        return;
    remediations_write(repair->remediations, writer);
    audit_write_head(repair->audit, writer);
}

void repair_close(struct repair *repair)
{
    struct brakes *brakes = repair->sources.control_data;
    if (brakes)
        brakes->audit = NULL;
    remediations_destroy(repair->remediations);
    realm_destroy(repair->realm);
    audit_close(repair->audit);
    repair->remediations = NULL;
    repair->realm = NULL;
    repair->audit = NULL;
}
