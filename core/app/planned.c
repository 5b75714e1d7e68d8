#include "app/planned.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/caller.h"
#include "base/mem.h"
#include "base/units.h"

enum { HEAD_CELLS = 12, MOST_ITEMS = 50, LONGEST_LINE = 64 << 10 };

/* One word in front; what was examined may say anything, so nothing goes out as it is. */
static void add_line(struct text *out, const char *head, const char *line)
{
    if (!*line)
        return;
    screen_pad(out, head, HEAD_CELLS);
    (void)screen_add(out, line, 0);
    text_add_char(out, '\n');
}

static const char *time_of_day(const json_t *plan, const char *name, char out[9])
{
    const char *time = caller_word(plan, name);
    (void)snprintf(out, 9, "%.8s", *time ? time + strlen("2026-11-21T") : "");
    return out;
}

/* "expires in 12m10s", of one that waits. */
static void add_left(const json_t *answer, const json_t *plan, struct text *out)
{
    char left[UNITS_DURATION_LEN];
    int64_t ms = caller_time(plan, "expires") - caller_time(answer, "time");
    units_print_duration(ms > 0 ? ms : 0, left);
    text_add(out, left);
}

static bool waits(const json_t *plan)
{
    return strcmp(caller_word(plan, "state"), "waiting") == 0;
}

void planned_does(const json_t *plan, struct text *out)
{
    const char *note = caller_word(plan, "note");
    text_print(out,
               "%s on %s: %" PRId64 " of %" PRId64 "%s%s",
               caller_word(plan, "action"),
               caller_word(plan, "target"),
               caller_number(plan, "affected"),
               caller_number(plan, "total"),
               *note ? "; " : "",
               note);
}

/* ---------------------------------------------------------------- one plan ---- */

static void add_args(const json_t *plan, struct text *out)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(plan, "args"), name, value) {
        MEM_AUTO char *json = json_is_string(value)
                                  ? mem_copy(json_string_value(value))
                                  : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        text_print(out, "   %s=%s", name, json ? json : "");
    }
}

static void add_head(const json_t *plan, struct text *out)
{
    struct text TEXT_AUTO line;
    char made[9];
    text_init(&line, LONGEST_LINE);
    text_print(&line,
               "plan %s   hash %s   %s   made %s UTC   %s",
               caller_word(plan, "plan"),
               caller_word(plan, "plan_hash"),
               caller_word(plan, "remediation"),
               time_of_day(plan, "made", made),
               caller_word(plan, "state"));
    if (waits(plan)) {
        text_add(&line, ", expires in ");
        add_left(plan, plan, &line);
    }
    (void)screen_add(out, line.bytes, 0);
    text_add_char(out, '\n');
    add_line(out, "", caller_word(plan, "said"));
    add_line(out,
             "binds",
             strcmp(caller_word(plan, "binds"), "items") == 0
                 ? "exactly these items; what no longer qualifies is skipped"
                 : "this action and these arguments; the list is taken again when it is applied");
    text_cut_to(&line, 0);
    planned_does(plan, &line);
    add_args(plan, &line);
    add_line(out, "action", line.bytes);
}

static void add_items(const json_t *plan, struct text *out)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(plan, "items"), index, item) {
        struct text TEXT_AUTO line;
        text_init(&line, LONGEST_LINE);
        if (index == MOST_ITEMS) {
            text_print(&line,
                       "%zu more: --json has them",
                       json_array_size(json_object_get(plan, "items")) - index);
            add_line(out, "", line.bytes);
            return;
        }
        text_print(&line,
                   "%s   %s%s",
                   caller_word(item, "key"),
                   caller_word(item, "what"),
                   json_is_true(json_object_get(item, "excepted")) ? "   (taken out)" : "");
        add_line(out, index ? "" : "now", line.bytes);
    }
}

static void add_guards(const json_t *plan, struct text *out)
{
    struct text TEXT_AUTO fine;
    size_t index;
    json_t *guard;
    text_init(&fine, LONGEST_LINE);
    json_array_foreach(json_object_get(plan, "guards"), index, guard) {
        struct text TEXT_AUTO line;
        text_init(&line, LONGEST_LINE);
        if (json_is_true(json_object_get(guard, "ok"))) {
            text_print(&fine, "%s%s ok", fine.len ? " · " : "", caller_word(guard, "guard"));
            continue;
        }
        text_print(&line, "%s: %s", caller_word(guard, "guard"), caller_word(guard, "found"));
        add_line(out, "REFUSES", line.bytes);
    }
    add_line(out, "guards", fine.bytes);
}

static void add_approvals(const json_t *plan, struct text *out)
{
    struct text TEXT_AUTO line;
    size_t index;
    json_t *approval;
    const json_t *approvals = json_object_get(plan, "approvals");
    text_init(&line, LONGEST_LINE);
    if (caller_number(plan, "needed"))
        text_print(
            &line, "%zu of %" PRId64, json_array_size(approvals), caller_number(plan, "needed"));
    json_array_foreach(approvals, index, approval)
        text_print(
            &line, "   %s (%s)", caller_word(approval, "who"), caller_word(approval, "proof"));
    add_line(out, "approvals", line.bytes);
}

static void add_care(const json_t *plan, struct text *out)
{
    struct text TEXT_AUTO line;
    const char *reason = caller_word(plan, "ack_reason");
    text_init(&line, LONGEST_LINE);
    if (*caller_word(plan, "acked_by"))
        text_print(&line,
                   "%s looks after it%s%s",
                   caller_word(plan, "acked_by"),
                   *reason ? ": " : "",
                   reason);
    add_line(out, "ack", line.bytes);
}

void planned_print(const json_t *plan, struct text *out)
{
    struct text TEXT_AUTO effect;
    text_init(&effect, 256);
    add_head(plan, out);
    add_items(plan, out);
    text_print(&effect, "%s   mode %s", caller_word(plan, "effect"), caller_word(plan, "mode"));
    add_line(out, "effect", effect.bytes);
    add_guards(plan, out);
    add_line(out, "verify", caller_word(plan, "verify"));
    add_line(out, "outcome", caller_word(plan, "outcome"));
    add_approvals(plan, out);
    add_care(plan, out);
}

/* -------------------------------------------------------------------- all ---- */

void planned_list(const json_t *answer, struct text *out)
{
    size_t index;
    json_t *plan;
    const json_t *plans = json_object_get(answer, "plans");
    if (json_array_size(plans) == 0) {
        text_add(out, "no plan waits\n");
        return;
    }
    text_add(out, "PLAN  STATE     WHAT                  NEEDS  EXPIRES  DOES\n");
    json_array_foreach(plans, index, plan) {
        struct text TEXT_AUTO does, TEXT_AUTO left;
        char needs[32];
        text_init(&does, LONGEST_LINE);
        text_init(&left, 64);
        if (*caller_word(plan, "acked_by"))
            text_print(&does, "[ack: %s] ", caller_word(plan, "acked_by"));
        planned_does(plan, &does);
        if (waits(plan))
            add_left(answer, plan, &left);
        (void)snprintf(needs,
                       sizeof(needs),
                       "%zu/%" PRId64,
                       json_array_size(json_object_get(plan, "approvals")),
                       caller_number(plan, "needed"));
        screen_pad(out, caller_word(plan, "plan"), 6);
        screen_pad(out, caller_word(plan, "state"), 10);
        screen_pad(out, caller_word(plan, "remediation"), 20);
        text_add(out, "  ");
        screen_pad(out, needs, 7);
        screen_pad(out, left.bytes, 9);
        (void)screen_add(out, does.bytes, 0);
        text_add_char(out, '\n');
    }
}
