/* show - all that a running agent knows of a finding. */
#include <stdio.h>
#include <string.h>

#include "app/caller.h"
#include "base/mem.h"
#include "base/units.h"

enum { HEAD_CELLS = 17, MOST_ROWS = 200 };

/* "by_application" is a heading for people: "by application". */
static void add_head(struct text *out, const char *word)
{
    MEM_AUTO char *head = mem_copy(word);
    for (char *c = head; *c; c++)
        if (*c == '_')
            *c = ' ';
    screen_pad(out, head, HEAD_CELLS);
    if (screen_width(head) >= HEAD_CELLS)
        text_add_char(out, ' ');
}

/* A line, with its heading, where it says anything. */
static void add_line(struct text *out, const char *head, const char *text)
{
    if (!text || !*text)
        return;
    add_head(out, head);
    (void)screen_add(out, text, 0);
    text_add_char(out, '\n');
}

/* Lines of which each begins below the first. */
static void add_lines(struct text *out, const char *head, const char *text)
{
    for (const char *end; *text; text = *end ? end + 1 : end) {
        end = text + strcspn(text, "\n");
        MEM_AUTO char *line = mem_copy_n(text, (size_t)(end - text));
        add_head(out, head);
        (void)screen_add(out, line, 0);
        text_add_char(out, '\n');
        head = "";
    }
}

static void add_value(struct text *out, const json_t *value)
{
    char number[64];
    if (json_is_string(value)) {
        text_add(out, json_string_value(value));
    } else if (json_is_real(value)) {
        (void)snprintf(number, sizeof(number), "%.2f", json_real_value(value));
        text_add(out, number);
    } else {
        MEM_AUTO char *json = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        text_add(out, json ? json : "");
    }
}

/* "used 96   usable 97" */
static void add_members(struct text *out, json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        text_print(out, "%s%s ", out->len ? "   " : "", name);
        add_value(out, value);
    }
}

static void add_duration(struct text *out, const char *before, int64_t ms)
{
    char said[UNITS_DURATION_LEN];
    if (ms <= 0)
        return;
    units_print_duration(ms, said);
    text_print(out, "%s%s", before, said);
}

/* ------------------------------------------------------------------ parts ---- */

static void add_title(const json_t *answer, const json_t *row, struct text *out)
{
    const char *subject = caller_word(row, "subject"), *previous = caller_word(row, "previous");
    const char *since = caller_word(row, "since");
    struct text TEXT_AUTO line;
    char ago[16];
    text_init(&line, 4096);
    text_print(&line, "%s/%s", caller_word(row, "target"), caller_word(row, "name"));
    if (*subject)
        text_print(&line, "[%s]", subject);
    text_print(&line, "   %s", caller_word(row, "status"));
    if (*since)
        text_print(&line,
                   " since %.8s UTC (%s)",
                   since + strlen("2026-11-21T"),
                   caller_since(answer, row, "since", ago));
    if (*previous)
        text_print(&line, ", was %s", previous);
    text_print(&line,
               ", seen %lld times   id %s",
               (long long)caller_number(row, "streak"),
               caller_word(row, "id"));
    (void)screen_add(out, line.bytes, 0);
    text_add_char(out, '\n');
    if (json_is_true(json_object_get(row, "flapping")))
        add_line(out, "flapping", "it changes too often: the worst status is held");
    if (json_is_true(json_object_get(row, "held")))
        add_line(
            out, "held", "it does not run: what it depends on is critical, or cannot be reached");
}

static void add_grade(struct text *out, const json_t *conditions, const char *grade,
                      const char *decided)
{
    const char *text = caller_word(conditions, grade);
    if (*text && strcmp(text, decided) != 0)
        text_print(out, "   %s: %s", grade, text);
}

static void add_condition(const json_t *row, struct text *out)
{
    static const char *const grades[] = {"critical", "warning", "clear", NULL};
    const json_t *conditions = json_object_get(row, "conditions");
    const char *decided = caller_word(row, "condition");
    struct text TEXT_AUTO line;
    text_init(&line, 8192);
    text_add(&line, *decided ? decided : "none holds");
    add_duration(&line, "   held ", caller_number(row, "for_ms"));
    for (const char *const *grade = grades; *grade; grade++)
        add_grade(&line, conditions, *grade, decided);
    add_duration(&line, "   recovers after ", caller_number(row, "recover_ms"));
    add_duration(&line, "   every ", caller_number(row, "every_ms"));
    add_line(out, "condition", line.bytes);
}

static void add_measures(const json_t *row, struct text *out)
{
    struct text TEXT_AUTO line;
    text_init(&line, 64 << 10);
    add_members(&line, json_object_get(row, "measures"));
    add_members(&line, json_object_get(row, "words"));
    add_line(out, "measures", line.bytes);
}

static void add_rows(const char *key, const json_t *rows, struct text *out)
{
    size_t index;
    json_t *row;
    json_array_foreach(rows, index, row) {
        struct text TEXT_AUTO line;
        text_init(&line, 64 << 10);
        if (json_is_object(row))
            add_members(&line, row);
        else
            add_value(&line, row);
        if (index == MOST_ROWS) {
            text_cut_to(&line, 0);
            text_print(&line, "%zu more: --json has them", json_array_size(rows) - index);
        }
        add_line(out, index ? "" : key, line.bytes);
        if (index == MOST_ROWS)
            return;
    }
}

static void add_evidence(const json_t *row, struct text *out)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(row, "evidence"), key, value) {
        struct text TEXT_AUTO line;
        text_init(&line, 256 << 10);
        if (json_is_array(value)) {
            add_rows(key, value, out);
            continue;
        }
        if (json_is_object(value))
            add_members(&line, value);
        else
            add_value(&line, value);
        add_lines(out, key, line.bytes);
    }
    int64_t left_out = caller_number(row, "evidence_truncated");
    if (left_out) {
        add_head(out, "");
        text_print(out, "%lld more were too much to keep\n", (long long)left_out);
    }
}

static void add_changes(const json_t *row, struct text *out)
{
    size_t index;
    json_t *change;
    json_array_foreach(json_object_get(row, "changes"), index, change) {
        const char *time = caller_word(change, "time");
        add_head(out, index ? "" : "changes");
        text_print(out,
                   "%.10s %.8s UTC  %s -> %s\n",
                   time,
                   *time ? time + 11 : "",
                   caller_word(change, "from"),
                   caller_word(change, "to"));
    }
}

static void add_silence(const json_t *row, struct text *out)
{
    const char *until = caller_word(row, "silenced_until");
    const char *reason = caller_word(row, "silenced_reason");
    struct text TEXT_AUTO line;
    text_init(&line, 4096);
    if (!*caller_word(row, "silenced_by"))
        return;
    text_add(&line, caller_word(row, "silenced_by"));
    if (*caller_word(row, "silenced_who"))
        text_print(&line, ", by %s", caller_word(row, "silenced_who"));
    if (*until)
        text_print(&line, " until %.10s %.5s UTC", until, until + 11);
    if (*reason)
        text_print(&line, ": %s", reason);
    add_line(out, "silenced", line.bytes);
}

static void add_finding(const json_t *answer, const json_t *row, struct text *out)
{
    struct text TEXT_AUTO owner, TEXT_AUTO rights;
    text_init(&owner, 4096);
    text_init(&rights, 64 << 10);
    add_title(answer, row, out);
    add_line(out, "found", caller_word(row, "message"));
    add_silence(row, out);
    add_line(out, "acknowledged", caller_word(row, "acked_by"));
    add_condition(row, out);
    add_measures(row, out);
    add_evidence(row, out);
    add_lines(out, "hint", caller_word(row, "hint"));
    add_changes(row, out);
    text_add(&owner, caller_word(row, "owner"));
    if (*caller_word(row, "doc"))
        text_print(&owner, "%sdoc %s", owner.len ? "      " : "", caller_word(row, "doc"));
    add_line(out, "owner", owner.bytes);
    add_lines(out, "rights", caller_word(row, "rights"));
    text_print(&rights, "runbookd explain %s", caller_word(row, "check"));
    add_line(out, "explain", rights.bytes);
}

static void add_answer(const json_t *answer, struct text *out)
{
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(answer, "findings"), index, row) {
        if (index)
            text_add_char(out, '\n');
        add_finding(answer, row, out);
    }
    if (caller_number(answer, "left_out"))
        text_print(out,
                   "\n%lld more: name one, as TARGET/CHECK[SUBJECT]\n",
                   (long long)caller_number(answer, "left_out"));
}

int cmd_show(const struct options *options)
{
    if (options->word_count != 1) {
        (void)fprintf(
            stderr,
            "runbookd: show takes one name: TARGET/CHECK, TARGET/CHECK[SUBJECT] or an id\n");
        return EXIT_REFUSED;
    }
    json_t *args = json_pack("{s:s}", "what", options->words[0]);
    return caller_say(options, caller_ask(options, "show", args, CALLER_MS), add_answer);
}
