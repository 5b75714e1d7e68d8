/*
 * desk_pass - what is asked of this agent, and is for the one that holds the realm's lease: part of app/desk.
 *
 * Three kinds of words: what both know a part of (status, findings, pending, silences, freeze) is answered by
 * both, and put together; what is about something that the holder has is passed on as it is; and what takes a
 * brake off is neither: it is said to the holder itself, whom the refusal names.
 */
#include <string.h>

#include "app/desk_parts.h"

/* Puts the holder's answer into our own; `error` where there is none. */
typedef void merge_fn(json_t *own, const json_t *theirs, const struct error *error);

/* Where a request goes. */
enum way { WAY_OURS, WAY_THEIRS, WAY_EITHER, WAY_NOBODYS };
typedef enum way way_fn(struct desk *desk, const struct control_request *request);

struct passed {
    const char *word;
    way_fn *way;     /* NULL: to both */
    merge_fn *merge; /* of both */
};

/* One request on its way. */
struct passing {
    struct list link;
    struct desk *desk; /* NULL: gone */
    struct control_call *call;
    const struct passed *passed;
    char *word;
    json_t *args, *own;
    uid_t uid;
};

/* ---------------------------------------------------------------- merging ---- */

static void merge_holder(json_t *own, const json_t *theirs, const struct error *error)
{
    if (theirs)
        (void)json_object_set(own, "holder", (json_t *)theirs);
    else
        (void)json_object_set_new(own, "holder_silent", json_string(error->message));
}

static void merge_lists(json_t *own, const json_t *theirs, const struct error *error)
{
    static const char *const lists[] = {"findings", "plans", "silences"};
    static const char *const numbers[] = {
        "left_out", "ok", "warning", "critical", "unknown", "pending"};
    for (size_t i = 0; theirs && i < COUNT_OF(lists); i++)
        if (json_object_get(own, lists[i]))
            (void)json_array_extend(json_object_get(own, lists[i]),
                                    json_object_get(theirs, lists[i]));
    for (size_t i = 0; theirs && i < COUNT_OF(numbers); i++)
        if (json_object_get(own, numbers[i]))
            (void)json_object_set_new(
                own,
                numbers[i],
                json_integer(json_integer_value(json_object_get(own, numbers[i])) +
                             json_integer_value(json_object_get(theirs, numbers[i]))));
    if (!theirs)
        merge_holder(own, NULL, error);
}

/* ------------------------------------------------------------------- ways ---- */

static void note_rest(const struct duty *duty, void *data)
{
    bool *rests = data;
    *rests = *rests || duty->target->resting;
}

/* "TARGET/CHECK[SUBJECT]": the holder's where that target rests here.  Of an id only a look tells. */
static enum way way_of_finding(struct desk *desk, const struct control_request *request)
{
    MEM_AUTO char *what = mem_copy(desk_word(request, "what"));
    bool rests = false;
    if (!what)
        return strcmp(request->word, "silence") == 0 ? WAY_THEIRS : WAY_OURS;
    what[strcspn(what, "[")] = '\0';
    size_t known = desk_each_duty(desk, what, note_rest, &rests);
    return rests ? WAY_THEIRS : known ? WAY_OURS : WAY_EITHER;
}

static enum way way_of_plan(struct desk *desk, const struct control_request *request)
{
    const char *id =
        desk_word(request, "plan") ? desk_word(request, "plan") : desk_word(request, "about");
    struct remediations *remediations = desk->parts.remediations;
    return id && remediations && remediations_plan(remediations, id) ? WAY_OURS : WAY_THEIRS;
}

static enum way way_of_target(const struct desk *desk, const char *name)
{
    const struct target *target;
    list_for_each(target, &desk->parts.schedule->targets, struct target, link) {
        if (name && strcmp(target->config->name, name) == 0 && target->resting)
            return WAY_THEIRS;
    }
    return WAY_OURS;
}

static enum way way_of_lock(struct desk *desk, const struct control_request *request)
{
    return way_of_target(desk, desk_word(request, "target"));
}

/* A remediation is ours where all that it may touch is of our own node. */
static enum way way_of_decision(struct desk *desk, const struct control_request *request)
{
    const char *decision = desk_word(request, "decision"), *about = desk_word(request, "about");
    struct entries *entries = desk->parts.session->entries;
    if (decision && strcmp(decision, "unlock") == 0)
        return way_of_target(desk, about);
    if (!decision || strcmp(decision, "remediate") != 0)
        return way_of_plan(desk, request);
    const struct entry *entry = entries && about ? entries_find(entries, about) : NULL;
    for (size_t i = 0; entry && i < entry->binding_count; i++)
        if (entry->bindings[i].target->where != PROBE_NODE)
            return WAY_THEIRS;
    return WAY_OURS;
}

static enum way way_of_thaw(struct desk *desk, const struct control_request *request)
{
    (void)request;
    return freeze_is_set(desk->parts.brakes->freeze) ? WAY_OURS : WAY_NOBODYS;
}

static enum way way_of_silence_end(struct desk *desk, const struct control_request *request)
{
    const char *id = desk_word(request, "id");
    const struct brakes *brakes = desk->parts.brakes;
    bool ours = id && silences_get(brakes->silences, id, desk_clock(desk).wall_ms);
    return ours ? WAY_OURS : WAY_NOBODYS;
}

static const struct passed *find_passed(const char *word)
{
    static const struct passed all[] = {
        {"status", NULL, merge_holder},
        {"findings", NULL, merge_lists},
        {"pending", NULL, merge_lists},
        {"silences", NULL, merge_lists},
        {"freeze", NULL, merge_holder},
        {"show", way_of_finding, NULL},
        {"ack", way_of_finding, NULL},
        {"silence", way_of_finding, NULL},
        {"lock", way_of_lock, NULL},
        {"plan", way_of_plan, NULL},
        {"decide", way_of_decision, NULL},
        {"thaw", way_of_thaw, NULL},
        {"silence_end", way_of_silence_end, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (strcmp(all[i].word, word) == 0)
            return &all[i];
    return NULL;
}

/* ---------------------------------------------------------------- passing ---- */

static void end(struct passing *passing)
{
    list_remove(&passing->link);
    json_decref(passing->args);
    json_decref(passing->own);
    free(passing->word);
    free(passing);
}

static void answer(struct passing *passing, const json_t *result)
{
    struct text TEXT_AUTO text;
    char *line = json_dumps(result, JSON_COMPACT);
    text_init(&text, CONTROL_LONGEST_ANSWER);
    text_add(&text, line);
    control_answer(passing->call, &text);
    free(line);
    end(passing);
}

static void refuse(struct passing *passing, const struct error *error)
{
    control_refuse(passing->call, *error->hint ? error->hint : NULL, "%s", error->message);
    end(passing);
}

static void on_theirs(const json_t *theirs, const struct error *error, void *data)
{
    struct passing *passing = data;
    if (passing->own) {
        passing->passed->merge(passing->own, theirs, error);
        answer(passing, passing->own);
    } else if (theirs) {
        answer(passing, theirs);
    } else {
        refuse(passing, error);
    }
}

static void pass_on(struct passing *passing)
{
    const struct control_request request = {
        .word = passing->word, .args = passing->args, .uid = passing->uid};
    relay_ask(passing->desk->relay, &request, on_theirs, passing);
}

/*
 * What this agent has to say.  The holder is asked next for its part, or where we know nothing; unless this
 * agent has begun to hold the lease itself.
 */
static void on_own(const struct text *line, void *data)
{
    struct passing *passing = data;
    json_t *said = json_loadb(line->bytes, line->len, 0, NULL);
    const char *message = json_string_value(json_object_get(said, "error"));
    const char *hint = json_string_value(json_object_get(said, "hint"));
    bool leads_on = passing->desk && relay_leads_on(passing->desk->relay);
    bool both = passing->passed->merge != NULL;
    passing->own = json_incref(json_object_get(said, "result"));
    if (leads_on && both == (passing->own != NULL)) {
        if (both)
            (void)json_object_set_new(passing->args, "cluster", json_true());
        pass_on(passing);
    } else if (passing->own) {
        answer(passing, passing->own);
    } else {
        control_refuse(passing->call, hint, "%s", message ? message : "there is no answer");
        end(passing);
    }
    json_decref(said);
}

static struct passing *begin(struct desk *desk, struct control_call *call,
                             const struct control_request *request, const struct passed *passed)
{
    struct passing *passing = mem_new(sizeof(*passing));
    *passing = (struct passing){
        .desk = desk,
        .call = call,
        .passed = passed,
        .word = mem_copy(request->word),
        .args = json_deep_copy(request->args),
        .uid = request->uid,
    };
    list_init(&passing->link);
    list_add(&desk->passings, &passing->link);
    return passing;
}

bool desk_pass(struct desk *desk, struct control_call *call, const struct control_request *request,
               desk_fn *own)
{
    const struct passed *passed = find_passed(request->word);
    if (!passed || !relay_leads_on(desk->relay))
        return false;
    enum way way = passed->way ? passed->way(desk, request) : WAY_EITHER;
    if (way == WAY_EITHER)
        own(desk, control_call(on_own, begin(desk, call, request, passed)), request);
    else if (way == WAY_THEIRS)
        pass_on(begin(desk, call, request, passed));
    else if (way == WAY_NOBODYS)
        control_refuse(call,
                       "a brake is taken off at the agent that it holds back: ask it there",
                       "%s holds the realm's lease, and there is nothing of the kind here",
                       relay_holder(desk->relay));
    return way != WAY_OURS;
}

void desk_drop_passings(struct desk *desk)
{
    struct passing *passing;
    list_for_each(passing, &desk->passings, struct passing, link) {
        list_remove(&passing->link);
        passing->desk = NULL;
    }
}
