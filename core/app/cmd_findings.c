/* findings - what a running agent found that is not ok, the worst first. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/caller.h"
#include "base/mem.h"

enum { LONGEST_WHAT = 1 << 20, GAP = 2, STATUS_CELLS = 8 };

struct widths {
    size_t since, address, what; /* `what` zero: endless */
};

static void add_address(const json_t *row, struct text *out)
{
    const char *subject = caller_word(row, "subject");
    text_print(out, "%s/%s", caller_word(row, "target"), caller_word(row, "name"));
    if (*subject)
        text_print(out, "[%s]", subject);
}

static char *address_of(const json_t *row)
{
    struct text TEXT_AUTO out;
    text_init(&out, 1024);
    add_address(row, &out);
    return text_take(&out);
}

static struct widths measure(const json_t *answer, const struct screen *screen)
{
    struct widths widths = {strlen("just now"), strlen("TARGET/CHECK[SUBJECT]"), 0};
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(answer, "findings"), index, row) {
        MEM_AUTO char *address = address_of(row);
        size_t width = screen_width(address);
        widths.address = width > widths.address ? width : widths.address;
    }
    if (screen->columns && widths.address > screen->columns * 2 / 5)
        widths.address = screen->columns * 2 / 5;
    size_t before = STATUS_CELLS + widths.since + widths.address + 3 * GAP;
    widths.what = !screen->columns ? 0 : screen->columns > before ? screen->columns - before : 1;
    return widths;
}

static void add_cell(struct text *out, const char *data, size_t width)
{
    screen_pad(out, data, width);
    screen_pad(out, "", GAP);
}

static void add_row(const json_t *answer, const json_t *row, const struct screen *screen,
                    const struct widths *widths, struct text *out)
{
    char since[16];
    MEM_AUTO char *address = address_of(row);
    const char *silenced = caller_word(row, "silenced_by");
    const char *acked = caller_word(row, "acked_by");
    struct text TEXT_AUTO what;
    text_init(&what, LONGEST_WHAT);
    if (*silenced)
        text_print(&what, "[silenced: %s] ", silenced);
    if (*acked)
        text_print(&what, "[ack: %s] ", acked);
    text_add(&what, caller_word(row, "message"));
    screen_paint(screen, out, caller_status(caller_word(row, "status")));
    screen_pad(out, caller_word(row, "status"), STATUS_CELLS);
    screen_plain(screen, out);
    screen_pad(out, "", GAP);
    add_cell(out, caller_since(answer, row, "since", since), widths->since);
    add_cell(out, address, widths->address);
    (void)screen_add(out, what.bytes, widths->what);
    text_add_char(out, '\n');
}

static void add_tally(const json_t *answer, struct text *out)
{
    static const char *const words[] = {"critical", "warning", "unknown", "ok", "pending", NULL};
    bool any = false;
    for (const char *const *word = words; *word; word++) {
        int64_t count = caller_number(answer, *word);
        if (count == 0)
            continue;
        text_print(out, "%s%lld %s", any ? ", " : "", (long long)count, *word);
        any = true;
    }
    text_add(out, any ? ".\n" : "nothing was found yet.\n");
}

static void add_answer(const json_t *answer, struct text *out)
{
    const struct screen screen = screen_of(STDOUT_FILENO);
    const struct widths widths = measure(answer, &screen);
    const json_t *rows = json_object_get(answer, "findings");
    const json_t *first = json_array_get(rows, 0);
    size_t index;
    json_t *row;
    if (first) {
        add_cell(out, "STATUS", STATUS_CELLS);
        add_cell(out, "FOR", widths.since);
        add_cell(out, "TARGET/CHECK[SUBJECT]", widths.address);
        text_add(out, "WHAT\n");
    }
    json_array_foreach(rows, index, row)
        add_row(answer, row, &screen, &widths, out);
    if (caller_number(answer, "left_out"))
        text_print(out, "%lld more\n", (long long)caller_number(answer, "left_out"));
    add_tally(answer, out);
    if (first && strcmp(caller_word(first, "status"), "ok") != 0) {
        MEM_AUTO char *address = address_of(first);
        const char *quote = strpbrk(address, "[ ") ? "'" : ""; /* a shell takes it for a pattern */
        text_print(out, "runbookd show %s", quote);
        (void)screen_add(out, address, 0);
        text_print(out, "%s  for rows, condition and rights\n", quote);
    }
}

int cmd_findings(const struct options *options)
{
    if (options->word_count > 1) {
        (void)fprintf(stderr, "runbookd: findings takes one name: TARGET or TARGET/CHECK\n");
        return EXIT_REFUSED;
    }
    json_t *args = json_object();
    if (options->word_count)
        (void)json_object_set_new(args, "what", json_string(options->words[0]));
    (void)json_object_set_new(args, "all", json_boolean(options->all));
    return caller_say(options, caller_ask(options, "findings", args, CALLER_MS), add_answer);
}
