#include "incident/plan.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/text.h"
#include "io/digest.h"

const char *plan_state_name(enum plan_state state)
{
    static const char *const names[] = {
        [PLAN_MADE] = "made",
        [PLAN_WAITING] = "waiting",
        [PLAN_APPROVED] = "approved",
        [PLAN_APPLYING] = "applying",
        [PLAN_APPLIED] = "applied",
        [PLAN_REFUSED] = "refused",
        [PLAN_REJECTED] = "rejected",
        [PLAN_EXPIRED] = "expired",
        [PLAN_FAILED] = "failed",
        [PLAN_VOID] = "void",
    };
    return names[state];
}

static const char *binds_name(enum probe_binds binds)
{
    return binds == PROBE_BINDS_ITEMS ? "items" : "bounds";
}

static const char *effect_name(enum probe_effect effect)
{
    static const char *const names[] = {"reads", "reversible", "disruptive", "destructive"};
    return names[effect];
}

/* -------------------------------------------------------------------- hash ---- */

static void write_bound(const struct plan *plan, struct writer *writer)
{
    writer_object(writer, NULL);
    writer_string(writer, "script", plan->script);
    writer_string(writer, "script_digest", plan->script_digest);
    writer_string(writer, "entry", plan->entry);
    writer_string(writer, "config", plan->config);
    writer_string(writer, "action", plan->action);
    writer_string(writer, "target", plan->target);
    writer_string(writer, "args", plan->args);
    writer_string(writer, "binds", binds_name(plan->binds));
    if (plan->binds == PROBE_BINDS_BOUNDS) {
        writer_int(writer, "max_affected", plan->max_affected);
    } else {
        writer_array(writer, "steps");
        for (size_t i = 0; i < plan->content->step_count; i++) {
            writer_string(writer, NULL, plan->content->steps[i].key);
            writer_string(writer, NULL, plan->content->steps[i].json);
        }
        writer_end(writer);
    }
    writer_end(writer);
}

void plan_hash(const struct plan *plan, char out[PLAN_HASH_LEN + 1])
{
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, (size_t)256 << 20);
    writer_init(&writer, &text);
    write_bound(plan, &writer);
    digest_text(&text, PLAN_HASH_LEN, out);
}

/* --------------------------------------------------------------- beginning ---- */

static void make_id(char out[PLAN_ID_LEN + 1])
{
    static const char letters[] = "23456789bcdfghjkmnpqrstvwxz";
    unsigned char bytes[PLAN_ID_LEN] = {0};
    (void)!getrandom(bytes, sizeof(bytes), 0);
    for (size_t i = 0; i < PLAN_ID_LEN; i++)
        out[i] = letters[bytes[i] % (sizeof(letters) - 1)];
    out[PLAN_ID_LEN] = '\0';
}

struct plan *plan_create(const struct plan *like, struct act_plan *content)
{
    struct plan *plan = mem_new(sizeof(*plan));
    list_init(&plan->link);
    make_id(plan->id);
    (void)snprintf(plan->run, sizeof(plan->run), "%s", like->run);
    plan->state = like->state;
    plan->entry = mem_copy(like->entry);
    plan->script = mem_copy(like->script);
    plan->script_digest = mem_copy(like->script_digest);
    plan->verb = mem_copy(like->verb);
    plan->action = mem_copy(like->action);
    plan->target = mem_copy(like->target);
    plan->config = mem_copy(like->config);
    plan->args = mem_copy(like->args);
    plan->verify = mem_copy(like->verify);
    plan->finding = mem_copy(like->finding);
    plan->said = mem_copy(like->said);
    plan->mode = like->mode;
    plan->effect = like->effect;
    plan->binds = like->binds;
    plan->max_affected = like->max_affected;
    plan->content = content;
    plan->made_ms = like->made_ms;
    plan->expires_ms = like->expires_ms;
    plan->needed = like->needed;
    plan_hash(plan, plan->hash);
    return plan;
}

void plan_destroy(struct plan *plan)
{
    if (!plan)
        return;
    const char *const texts[] = {plan->entry,
                                 plan->script,
                                 plan->script_digest,
                                 plan->verb,
                                 plan->action,
                                 plan->target,
                                 plan->config,
                                 plan->args,
                                 plan->verify,
                                 plan->finding,
                                 plan->said,
                                 plan->acked_by,
                                 plan->ack_reason};
    list_remove(&plan->link);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        free((void *)texts[i]);
    plan_forget_approvals(plan);
    for (size_t i = 0; i < plan->except_count; i++)
        free(plan->except[i]);
    free(plan->except);
    act_plan_destroy(plan->content);
    free(plan);
}

void plan_forget_approvals(struct plan *plan)
{
    for (unsigned i = 0; i < plan->approval_count; i++) {
        free(plan->approvals[i].who);
        free(plan->approvals[i].proof);
        free(plan->approvals[i].from);
        free(plan->approvals[i].reason);
    }
    plan->approval_count = 0;
}

/* ------------------------------------------------------------------ narrowing ---- */

bool plan_excepts(const struct plan *plan, const char *key)
{
    for (size_t i = 0; i < plan->except_count; i++)
        if (strcmp(plan->except[i], key) == 0)
            return true;
    return false;
}

/* A step's key, or the part of it before "@", by which people know it: "4711" of "4711@2026-...". */
static bool is_meant(const char *key, const char *word)
{
    size_t len = strlen(word);
    return strncmp(key, word, len) == 0 && (key[len] == '\0' || key[len] == '@');
}

static void except(struct plan *plan, const char *key)
{
    plan->except = mem_resize(plan->except, (plan->except_count + 2) * sizeof(*plan->except));
    plan->except[plan->except_count++] = mem_copy(key);
    plan->except[plan->except_count] = NULL;
}

bool plan_except(struct plan *plan, const char *key)
{
    bool found = false;
    for (size_t i = 0; i < plan->content->step_count; i++) {
        const char *own = plan->content->steps[i].key;
        if (!is_meant(own, key))
            continue;
        if (!plan_excepts(plan, own)) {
            if (plan->except_count == PLAN_MOST_EXCEPTED)
                return false;
            except(plan, own);
        }
        found = true;
    }
    return found;
}

int64_t plan_affected(const struct plan *plan)
{
    int64_t count = 0;
    for (size_t i = 0; i < plan->content->step_count; i++) {
        const struct probe_step *step = &plan->content->steps[i];
        if (!plan_excepts(plan, step->key))
            count += step->count ? step->count : 1;
    }
    return count;
}

/* -------------------------------------------------------------------- writing ---- */

static void write_steps(const struct plan *plan, struct writer *writer, size_t most)
{
    const struct act_plan *content = plan->content;
    size_t count = content->step_count < most ? content->step_count : most;
    writer_array(writer, "items");
    for (size_t i = 0; i < count; i++) {
        writer_object(writer, NULL);
        writer_string(writer, "key", content->steps[i].key);
        writer_string(writer, "what", content->steps[i].what);
        if (plan_excepts(plan, content->steps[i].key))
            writer_bool(writer, "excepted", true);
        writer_end(writer);
    }
    writer_end(writer);
    if (count < content->step_count)
        writer_int(writer, "items_left_out", (int64_t)(content->step_count - count));
}

void plan_write(const struct plan *plan, struct writer *writer, size_t most_steps)
{
    writer_string(writer, "plan", plan->id);
    writer_string(writer, "plan_hash", plan->hash);
    writer_string(writer, "script", plan->script);
    writer_string(writer, "script_sha256", plan->script_digest);
    writer_string(writer, "mode", guard_mode_name(plan->mode));
    writer_string(writer, "binds", binds_name(plan->binds));
    writer_string(writer, "action", plan->action);
    writer_string(writer, "target", plan->target);
    writer_string(writer, "effect", effect_name(plan->effect));
    writer_int(writer, "affected", plan_affected(plan));
    writer_int(writer, "total", plan->content->total);
    writer_raw(writer, "args", plan->args);
    if (plan->verify)
        writer_string(writer, "verify", plan->verify);
    if (plan->finding)
        writer_string(writer, "finding", plan->finding);
    if (plan->content->note)
        writer_string(writer, "note", plan->content->note);
    if (plan->acked_by)
        writer_string(writer, "acked_by", plan->acked_by);
    if (plan->ack_reason)
        writer_string(writer, "ack_reason", plan->ack_reason);
    if (most_steps)
        write_steps(plan, writer, most_steps);
}
