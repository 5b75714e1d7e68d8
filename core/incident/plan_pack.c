/*
 * plan_pack - a plan as it is kept over a restart, and back.
 *
 * Members are added only, and what is missing is left empty, so that the version before reads what this one has
 * written.
 *
 * Layer: incident.  Part of incident/plan.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "incident/plan.h"

/* The texts of a plan, by the name under which each is kept. */
static const struct member {
    const char *name;
    size_t offset;
    bool required;
} members[] = {
    {"entry", offsetof(struct plan, entry), true},
    {"script", offsetof(struct plan, script), true},
    {"script_digest", offsetof(struct plan, script_digest), true},
    {"verb", offsetof(struct plan, verb), true},
    {"action", offsetof(struct plan, action), true},
    {"target", offsetof(struct plan, target), true},
    {"config", offsetof(struct plan, config), true},
    {"args", offsetof(struct plan, args), true},
    {"verify", offsetof(struct plan, verify), false},
    {"finding", offsetof(struct plan, finding), false},
    {"said", offsetof(struct plan, said), false},
    {"acked_by", offsetof(struct plan, acked_by), false},
    {"ack_reason", offsetof(struct plan, ack_reason), false},
};

static const char **text_at(const struct plan *plan, const struct member *member)
{
    return (const char **)(void *)((char *)plan + member->offset);
}

static json_t *pack_steps(const struct plan *plan)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < plan->content->step_count; i++) {
        const struct probe_step *step = &plan->content->steps[i];
        (void)json_array_append_new(steps,
                                    json_pack("{s:s,s:s?,s:s?,s:I}",
                                              "key",
                                              step->key,
                                              "what",
                                              step->what,
                                              "json",
                                              step->json,
                                              "count",
                                              (json_int_t)step->count));
    }
    return steps;
}

static json_t *pack_approvals(const struct plan *plan)
{
    json_t *approvals = json_array();
    for (unsigned i = 0; i < plan->approval_count; i++) {
        const struct plan_approval *one = &plan->approvals[i];
        (void)json_array_append_new(approvals,
                                    json_pack("{s:s?,s:s?,s:s?,s:s?,s:I}",
                                              "who",
                                              one->who,
                                              "proof",
                                              one->proof,
                                              "from",
                                              one->from,
                                              "reason",
                                              one->reason,
                                              "at",
                                              (json_int_t)one->wall_ms));
    }
    return approvals;
}

json_t *plan_pack(const struct plan *plan)
{
    json_t *json = json_object(), *except = json_array();
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"state", plan->state},
        {"mode", plan->mode},
        {"effect", plan->effect},
        {"binds", plan->binds},
        {"max_affected", plan->max_affected},
        {"total", plan->content->total},
        {"content_effect", plan->content->effect},
        {"made_ms", plan->made_ms},
        {"expires_ms", plan->expires_ms},
        {"decided_ms", plan->decided_ms},
        {"needed", plan->needed},
        {"acknowledged", plan->acknowledged},
    };
    (void)json_object_set_new(json, "id", json_string(plan->id));
    (void)json_object_set_new(json, "run", json_string(plan->run));
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (*text_at(plan, &members[i]))
            (void)json_object_set_new(
                json, members[i].name, json_string(*text_at(plan, &members[i])));
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        (void)json_object_set_new(json, numbers[i].name, json_integer(numbers[i].value));
    if (plan->content->note)
        (void)json_object_set_new(json, "note", json_string(plan->content->note));
    for (size_t i = 0; i < plan->except_count; i++)
        (void)json_array_append_new(except, json_string(plan->except[i]));
    (void)json_object_set_new(json, "steps", pack_steps(plan));
    (void)json_object_set_new(json, "approvals", pack_approvals(plan));
    (void)json_object_set_new(json, "except", except);
    return json;
}

/* -------------------------------------------------------------------- and back ---- */

static int64_t number_of(const json_t *json, const char *name, int64_t most)
{
    int64_t value = json_integer_value(json_object_get(json, name));
    return value < 0 ? 0 : value > most ? most : value;
}

static char *text_of(const json_t *json, const char *name)
{
    return mem_copy(json_string_value(json_object_get(json, name)));
}

static struct act_plan *unpack_content(const json_t *json)
{
    const json_t *steps = json_object_get(json, "steps");
    struct act_plan *content = mem_new(sizeof(*content));
    size_t count = json_array_size(steps);
    content->steps = mem_array(count + 1, sizeof(*content->steps));
    for (size_t i = 0; i < count && i < ACT_STEPS; i++) {
        const json_t *kept = json_array_get(steps, i);
        const struct probe_step step = {
            .key = json_string_value(json_object_get(kept, "key")),
            .what = json_string_value(json_object_get(kept, "what")),
            .json = json_string_value(json_object_get(kept, "json")),
            .count = number_of(kept, "count", INT64_MAX),
        };
        if (!step.key)
            continue;
        content->steps[content->step_count++] = act_step_copy(&step);
        content->count += step.count ? step.count : 1;
    }
    content->total = number_of(json, "total", INT64_MAX);
    content->note = text_of(json, "note");
    content->effect = (enum probe_effect)number_of(json, "content_effect", PROBE_DESTRUCTIVE);
    return content;
}

static void unpack_approvals(struct plan *plan, const json_t *approvals)
{
    size_t i;
    const json_t *kept;
    json_array_foreach(approvals, i, kept) {
        if (plan->approval_count == PLAN_MOST_APPROVALS)
            break;
        plan->approvals[plan->approval_count++] = (struct plan_approval){
            text_of(kept, "who"),
            text_of(kept, "proof"),
            text_of(kept, "from"),
            text_of(kept, "reason"),
            number_of(kept, "at", INT64_MAX),
        };
    }
}

struct plan *plan_unpack(const json_t *json)
{
    struct plan *plan = mem_new(sizeof(*plan));
    const char *id = json_string_value(json_object_get(json, "id"));
    const char *run = json_string_value(json_object_get(json, "run"));
    bool whole = id && strlen(id) == PLAN_ID_LEN && run && strlen(run) <= PLAN_RUN_LEN;
    size_t i;
    const json_t *key;
    list_init(&plan->link);
    for (size_t at = 0; at < COUNT_OF(members); at++) {
        const char *text = *text_at(plan, &members[at]) = text_of(json, members[at].name);
        whole = whole && (text || !members[at].required);
    }
    plan->content = unpack_content(json);
    if (!whole) {
        plan_destroy(plan);
        return NULL;
    }
    memcpy(plan->id, id, PLAN_ID_LEN);
    (void)snprintf(plan->run, sizeof(plan->run), "%s", run);
    plan->state = (enum plan_state)number_of(json, "state", PLAN_VOID);
    plan->mode = (enum guard_mode)number_of(json, "mode", GUARD_AUTO);
    plan->effect = (enum probe_effect)number_of(json, "effect", PROBE_DESTRUCTIVE);
    plan->binds = (enum probe_binds)number_of(json, "binds", PROBE_BINDS_BOUNDS);
    plan->max_affected = number_of(json, "max_affected", INT64_MAX);
    plan->made_ms = number_of(json, "made_ms", INT64_MAX);
    plan->expires_ms = number_of(json, "expires_ms", INT64_MAX);
    plan->decided_ms = number_of(json, "decided_ms", INT64_MAX);
    plan->needed = (unsigned)number_of(json, "needed", PLAN_MOST_APPROVALS);
    plan->acknowledged = number_of(json, "acknowledged", 1) != 0;
    unpack_approvals(plan, json_object_get(json, "approvals"));
    json_array_foreach(json_object_get(json, "except"), i, key) {
        if (json_is_string(key))
            (void)plan_except(plan, json_string_value(key));
    }
    plan_hash(plan, plan->hash);
    return plan;
}
