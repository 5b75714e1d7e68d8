/* desk_plans - plans that wait, what a person says of them, remediations by hand: part of app/desk. */
#include <string.h>

#include "app/desk_parts.h"

enum { MOST_EXCEPTED = PLAN_MOST_EXCEPTED, MOST_ITEMS = 1000 };

static struct remediations *remediations_of(struct desk *desk, struct control_call *call)
{
    struct remediations *remediations = desk->parts.remediations;
    if (!remediations)
        control_refuse(
            call, "its log says why", "this agent changes nothing: its audit could not be opened");
    return remediations;
}

/* ---------------------------------------------------------------- writing ---- */

static void write_plan(const struct plan *plan, struct writer *writer, size_t most_items)
{
    plan_write(plan, writer, most_items);
    writer_string(writer, "remediation", plan->entry);
    writer_string(writer, "state", plan_state_name(plan->state));
    writer_string(writer, "run", plan->run);
    writer_time(writer, "made", plan->made_ms);
    writer_time(writer, "expires", plan->expires_ms);
    if (plan->said)
        writer_string(writer, "said", plan->said);
    if (plan->outcome)
        writer_string(writer, "outcome", plan->outcome);
    writer_bool(writer, "acknowledged", plan->acknowledged);
    writer_int(writer, "needed", plan->needed);
    writer_array(writer, "approvals");
    for (unsigned i = 0; i < plan->approval_count; i++) {
        writer_object(writer, NULL);
        writer_string(writer, "who", plan->approvals[i].who);
        writer_string(writer, "proof", plan->approvals[i].proof);
        writer_time(writer, "time", plan->approvals[i].wall_ms);
        if (plan->approvals[i].reason)
            writer_string(writer, "reason", plan->approvals[i].reason);
        writer_end(writer);
    }
    writer_end(writer);
}

struct listing {
    struct writer *writer;
    bool all;
    size_t waiting;
};

static void on_plan(const struct plan *plan, void *data)
{
    struct listing *listing = data;
    listing->waiting += plan->state == PLAN_WAITING;
    if (!listing->all && plan->state != PLAN_WAITING)
        return;
    writer_object(listing->writer, NULL);
    write_plan(plan, listing->writer, 0);
    writer_end(listing->writer);
}

void desk_pending(struct desk *desk, struct control_call *call,
                  const struct control_request *request)
{
    struct remediations *remediations = remediations_of(desk, call);
    struct text TEXT_AUTO text;
    struct writer writer;
    struct listing listing = {.writer = &writer, .all = desk_flag(request, "all")};
    text_init(&text, 0);
    if (!remediations)
        return;
    desk_begin(&text, &writer);
    writer_time(&writer, "time", desk_clock(desk).wall_ms);
    writer_array(&writer, "plans");
    remediations_each_plan(remediations, on_plan, &listing);
    writer_end(&writer);
    desk_end(call, &text, &writer);
}

static void take_newest(const struct plan *plan, void *data)
{
    const struct plan **newest = data;
    if (!*newest || plan->made_ms > (*newest)->made_ms)
        *newest = plan;
}

/* The plan that the request names; NULL: refused, with the newest that there is. */
static const struct plan *find_plan(struct desk *desk, struct control_call *call, const char *id)
{
    const struct plan *plan = id ? remediations_plan(desk->parts.remediations, id) : NULL;
    const struct plan *newest = NULL;
    if (plan)
        return plan;
    remediations_each_plan(desk->parts.remediations, take_newest, &newest);
    MEM_AUTO char *hint =
        newest
            ? mem_print(
                  "newest: %s (%s, %s)", newest->id, newest->entry, plan_state_name(newest->state))
            : NULL;
    control_refuse(call, hint, "no plan \"%.40s\" waits here", id ? id : "");
    return NULL;
}

static void write_guards(struct desk *desk, const struct plan *plan, struct writer *writer)
{
    struct guard_answer answers[GUARD_POINTS];
    remediations_guards(desk->parts.remediations, plan, answers);
    writer_array(writer, "guards");
    for (enum guard_point point = 0; point < GUARD_POINTS; point++) {
        writer_object(writer, NULL);
        writer_string(writer, "guard", guard_point_name(point));
        writer_bool(writer, "ok", answers[point].point == GUARD_POINTS);
        writer_string(writer, "found", answers[point].sentence);
        writer_end(writer);
    }
    writer_end(writer);
}

void desk_plan(struct desk *desk, struct control_call *call, const struct control_request *request)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, 0);
    const struct plan *plan =
        remediations_of(desk, call) ? find_plan(desk, call, desk_word(request, "plan")) : NULL;
    if (!plan)
        return;
    const struct entries *entries = desk->parts.session->entries;
    desk_begin(&text, &writer);
    writer_time(&writer, "time", desk_clock(desk).wall_ms);
    writer_string(&writer, "realm", desk->parts.speaker->realm);
    writer_bool(
        &writer, "signed_only", entries && entries->approval.approvers && !entries->approval.local);
    write_plan(plan, &writer, MOST_ITEMS);
    if (plan->state == PLAN_WAITING)
        write_guards(desk, plan, &writer);
    desk_end(call, &text, &writer);
}

/* -------------------------------------------------------------- deciding ---- */

/* What a person said, until it is known who that is. */
struct deciding {
    struct desk *desk;
    struct control_call *call;
    json_t *args;
    char *from; /* by whose socket */
};

static const char *word_of(const struct deciding *deciding, const char *name)
{
    return json_string_value(json_object_get(deciding->args, name));
}

static void end_deciding(struct deciding *deciding)
{
    json_decref(deciding->args);
    free(deciding->from);
    free(deciding);
}

static void refuse(struct control_call *call, const struct error *error)
{
    control_refuse(call, *error->hint ? error->hint : NULL, "%s", error->message);
}

static int decide_plan(const struct deciding *deciding, const char *who, const char *proof,
                       struct error *error)
{
    struct remediations *remediations = deciding->desk->parts.remediations;
    const char *except[MOST_EXCEPTED + 1] = {NULL};
    const char *decision = word_of(deciding, "decision");
    json_t *items = json_object_get(deciding->args, "except"), *item;
    size_t index, count = 0;
    json_array_foreach(items, index, item)
        except[count++] = json_string_value(item); /* as takes_exceptions() has let through */
    const struct remediation_decision said = {
        .plan = word_of(deciding, "about"),
        .who = who,
        .proof = proof,
        .from = deciding->from,
        .reason = word_of(deciding, "reason"),
        .hash = word_of(deciding, "hash"),
        .except = count ? except : NULL,
    };
    if (strcmp(decision, "approve") == 0)
        return remediations_approve(remediations, &said, error);
    if (strcmp(decision, "reject") == 0)
        return remediations_reject(remediations, &said, error);
    return remediations_undo(remediations, &said, error);
}

static void answer_plan(const struct deciding *deciding, const char *who, const char *proof)
{
    struct desk *desk = deciding->desk;
    const struct plan *plan =
        remediations_plan(desk->parts.remediations, word_of(deciding, "about"));
    struct text TEXT_AUTO text;
    struct writer writer;
    desk_begin(&text, &writer);
    writer_time(&writer, "time", desk_clock(desk).wall_ms);
    writer_string(&writer, "decision", word_of(deciding, "decision"));
    writer_string(&writer, "who", who);
    writer_string(&writer, "proof", proof);
    if (plan)
        write_plan(plan, &writer, MOST_ITEMS);
    desk_end(deciding->call, &text, &writer);
}

static void start_remediation(const struct deciding *deciding, const char *who, const char *proof)
{
    struct desk *desk = deciding->desk;
    char run[PLAN_RUN_LEN + 1];
    struct text TEXT_AUTO text;
    struct writer writer;
    struct error error;
    const struct remediation_wish wish = {
        .entry = word_of(deciding, "about"),
        .with = json_object_get(deciding->args, "with"),
        .who = who,
        .proof = proof,
        .from = deciding->from,
        .reason = word_of(deciding, "reason"),
    };
    *error.hint = '\0';
    text_init(&text, 0);
    if (remediations_start(desk->parts.remediations, &wish, run, &error) < 0) {
        refuse(deciding->call, &error);
        return;
    }
    desk_begin(&text, &writer);
    writer_string(&writer, "remediation", wish.entry);
    writer_string(&writer, "run", run);
    writer_string(&writer, "who", who);
    writer_string(&writer, "proof", proof);
    desk_end(deciding->call, &text, &writer);
}

static void on_vouched(const char *who, const char *proof, const struct error *error, void *data)
{
    struct deciding *deciding = data;
    struct error refused;
    *refused.hint = '\0';
    if (!who)
        refuse(deciding->call, error);
    else if (strcmp(word_of(deciding, "decision"), "remediate") == 0)
        start_remediation(deciding, who, proof);
    else if (strcmp(word_of(deciding, "decision"), "unlock") == 0)
        desk_unlock(deciding->desk, deciding->call, word_of(deciding, "about"), who);
    else if (decide_plan(deciding, who, proof, &refused) < 0)
        refuse(deciding->call, &refused);
    else
        answer_plan(deciding, who, proof);
    end_deciding(deciding);
}

static bool is_decision(const char *word)
{
    static const char *const words[] = {"approve", "reject", "undo", "remediate", "unlock"};
    for (size_t i = 0; word && i < COUNT_OF(words); i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

/* What cannot be taken out whole is not to be done after all. */
static bool takes_exceptions(const json_t *items)
{
    size_t index;
    json_t *item;
    json_array_foreach(items, index, item)
        if (!json_is_string(item))
            return false;
    return !items || (json_is_array(items) && json_array_size(items) <= MOST_EXCEPTED);
}

/* What it binds must be what the plan is now: the whole hash is signed, its first digits are typed. */
static const char *whole_hash(struct desk *desk, const struct deciding *deciding)
{
    const struct plan *plan =
        remediations_plan(desk->parts.remediations, word_of(deciding, "about"));
    return plan ? plan->hash : NULL;
}

void desk_decide(struct desk *desk, struct control_call *call,
                 const struct control_request *request)
{
    const char *decision = desk_word(request, "decision"), *about = desk_word(request, "about");
    const struct entries *entries = desk->parts.session->entries;
    if (!remediations_of(desk, call))
        return;
    if (!is_decision(decision) || !about) {
        control_refuse(call, NULL, "that is no decision");
        return;
    }
    if (!takes_exceptions(json_object_get(request->args, "except"))) {
        control_refuse(
            call, NULL, "except is no list of at most %d items, each a text", (int)MOST_EXCEPTED);
        return;
    }
    bool of_plan = strcmp(decision, "remediate") != 0 && strcmp(decision, "unlock") != 0;
    if (of_plan && !find_plan(desk, call, about))
        return;
    struct deciding *deciding = mem_new(sizeof(*deciding));
    deciding->desk = desk;
    deciding->call = call;
    deciding->args = json_deep_copy(request->args);
    deciding->from = request->from ? mem_print("socket of %s", request->from) : mem_copy("socket");
    const struct statement statement = {
        .realm = desk->parts.speaker->realm,
        .decision = decision,
        .about = about,
        .hash = of_plan ? whole_hash(desk, deciding) : NULL,
        .except = json_object_get(deciding->args, "except"),
        .with = json_object_get(deciding->args, "with"),
        .reason = word_of(deciding, "reason"),
    };
    vouch_ask(&desk->vouch,
              entries ? &entries->approval : NULL,
              &statement,
              request,
              on_vouched,
              deciding);
}
