#include "out/notice.h"

#include <string.h>

#include "base/mem.h"

enum {
    LONGEST_KEY = 255, /* PagerDuty's */
    LONGEST_TITLE = 1000,
    LONGEST_BODY = 12000,
    LONGEST_COMMAND = 2000,
    MOST_ITEMS = 10
};

static bool is(struct view line, const char *member, const char *json)
{
    return view_equals(view_member(line, member), json);
}

static bool has_text(struct view line, const char *member)
{
    struct view value = view_member(line, member);
    return value.at && view_is_string(value);
}

/* "BEFORE text AFTER", where the member is a text. */
static void add(struct text *out, const char *before, struct view line, const char *member,
                const char *after)
{
    if (!has_text(line, member))
        return;
    text_add(out, before);
    (void)view_add_text(view_member(line, member), out);
    text_add(out, after);
}

/* --------------------------------------------------------------- findings ---- */

void notice_add_address(struct view line, struct text *out)
{
    (void)view_add_text(view_member(line, "target"), out);
    add(out, "/", line, "name", "");
    add(out, "[", line, "subject", "]");
}

void notice_add_measures(struct view line, struct text *out)
{
    struct view_walk walk = {.rest = view_member(line, "measures")};
    bool more = false;
    while (walk.rest.at && view_next(&walk)) {
        text_add(out, more ? ", " : "");
        text_add_n(out, walk.key.at, walk.key.len);
        text_add_char(out, ' ');
        text_add_n(out, walk.value.at, walk.value.len);
        more = true;
    }
}

/* What was never otherwise than ok is not said; nor is what somebody has silenced. */
static bool concerns_people(struct view line)
{
    if (is(line, "status", "\"ok\""))
        return !is(line, "previous", "null");
    return !has_text(line, "silenced_by");
}

static bool make_of_finding(struct view line, struct notice *notice)
{
    if (!has_text(line, "status") || !concerns_people(line))
        return false;
    bool over = is(line, "status", "\"ok\"");
    notice->call = over ? NOTICE_ENDS : NOTICE_CALLS;
    add(&notice->state, "", line, "status", "");
    add(&notice->key, "", line, "id", "");
    notice_add_address(line, &notice->title);
    add(&notice->title, ": ", line, "message", "");
    add(&notice->body, "", line, "hint", "\n");
    if (!over) {
        size_t before = notice->body.len;
        notice_add_measures(line, &notice->body);
        text_add(&notice->body, notice->body.len > before ? "\n" : "");
        add(&notice->body, "since ", line, "since", "\n");
        add(&notice->command, "runbookd show ", line, "target", "");
        add(&notice->command, "/", line, "name", "\n");
    }
    add(&notice->body, "owner ", line, "owner", "\n");
    add(&notice->body, "", line, "doc", "\n");
    return true;
}

/* ----------------------------------------------------------- remediations ---- */

/* What a step means to people, where all is well with it. */
static const struct step {
    const char *name; /* as JSON */
    enum notice_call call;
} steps[] = {
    {"\"waiting\"", NOTICE_CALLS},
    {"\"reminded\"", NOTICE_CALLS},
    {"\"acknowledged\"", NOTICE_SEEN},
    {"\"approved\"", NOTICE_ENDS},
    {"\"rejected\"", NOTICE_ENDS},
    {"\"expired\"", NOTICE_ENDS},
    {"\"void\"", NOTICE_ENDS},
    {"\"refused\"", NOTICE_ENDS},
    {"\"applied\"", NOTICE_NEWS},
    {"\"verified\"", NOTICE_ENDS},
    {"\"undoing\"", NOTICE_NEWS},
    {"\"undone\"", NOTICE_NEWS},
    {"\"undo_failed\"", NOTICE_CALLS},
    {"\"failed\"", NOTICE_CALLS},
    {"\"handed_over\"", NOTICE_CALLS},
    {"\"unknown\"", NOTICE_CALLS},
};

static const struct step *find_step(struct view line)
{
    for (size_t i = 0; i < COUNT_OF(steps); i++)
        if (is(line, "step", steps[i].name))
            return &steps[i];
    return NULL;
}

static bool is_trial(struct view line)
{
    return is(line, "mode", "\"dry-run\"") || is(line, "mode", "\"off\"");
}

/* A trigger that goes on is refused again and again: only what was to be done is said. */
static bool is_of_a_plan(struct view line)
{
    return has_text(line, "plan");
}

static enum notice_call call_of(struct view line, const struct step *step)
{
    int64_t most = view_int(view_member(line, "approvals_needed"), 0);
    if (is(line, "step", "\"approved\"") && view_int(view_member(line, "approvals"), 0) < most)
        return NOTICE_NEWS;
    if (is(line, "step", "\"verified\"") && !is(line, "outcome", "\"fixed\""))
        return NOTICE_CALLS;
    return step->call == NOTICE_NEWS && is(line, "level", "\"error\"") ? NOTICE_CALLS : step->call;
}

/* Of a plan that waits: to whom it is said. */
static bool is_told_by(struct view line, const char *sink)
{
    struct view_walk walk = {.rest = view_member(line, "notify")};
    size_t len = strlen(sink);
    bool named = false;
    if (!walk.rest.at || *walk.rest.at != '[')
        return true;
    while (view_next(&walk)) {
        named = true;
        if (view_is_string(walk.value) && walk.value.len == len + 2 &&
            memcmp(walk.value.at + 1, sink, len) == 0)
            return true;
    }
    return !named;
}

static void add_items(struct text *out, struct view line)
{
    struct view_walk walk = {.rest = view_member(line, "items")};
    int64_t more = view_int(view_member(line, "items_left_out"), 0);
    for (size_t i = 0; walk.rest.at && view_next(&walk); i++) {
        if (is(walk.value, "excepted", "true"))
            continue;
        if (i >= MOST_ITEMS) {
            more++;
            continue;
        }
        add(out, "- ", walk.value, "key", "");
        add(out, ": ", walk.value, "what", "\n");
    }
    if (more)
        text_print(out, "- and %lld more\n", (long long)more);
}

/* What it would change, until when it can be decided, and where. */
static void describe_plan(struct notice *notice, struct view line)
{
    struct text *out = &notice->body;
    struct view agent = view_member(line, "agent");
    add(out, "", line, "action", "");
    add(out, " on ", line, "target", "");
    text_print(out,
               " would touch %lld of %lld",
               (long long)view_int(view_member(line, "affected"), 0),
               (long long)view_int(view_member(line, "total"), 0));
    add(out, " (", line, "effect", ")");
    text_add(out,
             is(line, "binds", "\"bounds\"") ? ", chosen within its bounds when it is applied\n"
                                             : ", exactly these\n");
    add_items(out, line);
    add(out, "", line, "note", "\n");
    add(out, "then it must hold: ", line, "verify", "\n");
    text_print(out,
               "%lld of %lld approvals",
               (long long)view_int(view_member(line, "approvals"), 0),
               (long long)view_int(view_member(line, "approvals_needed"), 1));
    add(out, ", until ", line, "expires", ": nothing is changed without");
    text_add_char(out, '\n');
    add(out, "started by ", line, "who", "\n");
    add(out, "it waits at ", agent, has_text(agent, "pod") ? "pod" : "node", "");
    add(out, " of ", agent, "realm", "\n");
    if (!out->len || out->bytes[out->len - 1] != '\n')
        text_add_char(out, '\n');

    add(&notice->command, "runbookd plan ", line, "plan", "\n");
    add(&notice->command, "runbookd approve ", line, "plan", "");
    add(&notice->command, " --hash ", line, "plan_hash", "\n");
    add(&notice->command, "runbookd reject ", line, "plan", "\n");
}

static bool make_of_remediation(struct view line, const char *sink, struct notice *notice)
{
    const struct step *step = find_step(line);
    if (!step || is_trial(line) || !is_told_by(line, sink) ||
        (is(line, "step", "\"refused\"") && !is_of_a_plan(line)))
        return false;
    notice->remediation = true;
    notice->call = call_of(line, step);
    notice->waits = is(line, "step", "\"waiting\"") || is(line, "step", "\"reminded\"");
    notice->until_ms = notice->waits ? view_time(view_member(line, "expires")) : 0;
    add(&notice->state, "", line, notice->waits ? "" : "step", "");
    text_add(&notice->state, notice->waits ? "waiting" : "");
    add(&notice->key, "", line, "id", "");
    add(&notice->key, "/", view_member(line, "agent"), "realm", "");
    add(&notice->title, "", line, "message", "");
    if (notice->waits)
        describe_plan(notice, line);
    else if (notice->call == NOTICE_CALLS && is_of_a_plan(line))
        add(&notice->command, "runbookd plan ", line, "plan", "\n");
    return true;
}

/* ------------------------------------------------------------------ whole ---- */

static void trim(struct text *text)
{
    if (text->len && text->bytes[text->len - 1] == '\n')
        text_cut_to(text, text->len - 1);
}

bool notice_make(struct view line, const char *sink, struct notice *ret_notice)
{
    *ret_notice = (struct notice){0};
    text_init(&ret_notice->state, LONGEST_KEY);
    text_init(&ret_notice->key, LONGEST_KEY);
    text_init(&ret_notice->title, LONGEST_TITLE);
    text_init(&ret_notice->body, LONGEST_BODY);
    text_init(&ret_notice->command, LONGEST_COMMAND);
    bool made = is(line, "kind", "\"finding\"")       ? make_of_finding(line, ret_notice)
                : is(line, "kind", "\"remediation\"") ? make_of_remediation(line, sink, ret_notice)
                                                      : false;
    trim(&ret_notice->body);
    trim(&ret_notice->command);
    if (!made)
        notice_finish(ret_notice);
    return made;
}

void notice_finish(struct notice *notice)
{
    text_finish(&notice->state);
    text_finish(&notice->key);
    text_finish(&notice->title);
    text_finish(&notice->body);
    text_finish(&notice->command);
}
