/* silence - keeps findings from people for a while; lists and ends silences. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/caller.h"
#include "base/mem.h"

static void add_silence(const json_t *silence, struct text *out)
{
    struct text TEXT_AUTO line;
    text_init(&line, 8192);
    text_print(&line,
               "silence %s  %s  until ",
               caller_word(silence, "silence"),
               caller_word(silence, "about"));
    caller_add_minute(&line, silence, "until");
    text_print(&line, "  by %s", caller_word(silence, "who"));
    if (*caller_word(silence, "reason"))
        text_print(&line, ": %s", caller_word(silence, "reason"));
    if (*caller_word(silence, "alertmanager"))
        text_print(&line, "  (in Alertmanager: %s)", caller_word(silence, "alertmanager"));
    (void)screen_add(out, line.bytes, 0);
    text_add_char(out, '\n');
}

static void add_window(const json_t *window, struct text *out)
{
    struct text TEXT_AUTO line;
    text_init(&line, 8192);
    text_print(&line, "window %s", caller_word(window, "window"));
    if (*caller_word(window, "until")) {
        text_add(&line, "  until ");
        caller_add_minute(&line, window, "until");
    }
    if (*caller_word(window, "reason"))
        text_print(&line, ": %s", caller_word(window, "reason"));
    (void)screen_add(out, line.bytes, 0);
    text_add_char(out, '\n');
}

/* Whether Alertmanager has heard of it. */
static void add_shared(const json_t *answer, const char *done, struct text *out)
{
    if (json_is_true(json_object_get(answer, "shared"))) {
        text_print(out, "%s in Alertmanager, too\n", done);
    } else if (json_object_get(answer, "shared")) {
        text_print(out, "not %s in Alertmanager yet, which is tried again: ", done);
        (void)screen_add(out, caller_word(answer, "not_shared"), 0);
        text_add_char(out, '\n');
    }
}

static void add_list(const json_t *answer, struct text *out)
{
    size_t index;
    json_t *each;
    json_array_foreach(json_object_get(answer, "silences"), index, each)
        add_silence(each, out);
    json_array_foreach(json_object_get(answer, "windows"), index, each)
        add_window(each, out);
    if (!out->len)
        text_add(out, "no silence holds\n");
}

static void add_ended(const json_t *answer, struct text *out)
{
    text_print(out, "silence %s has ended\n", caller_word(answer, "ended"));
    add_shared(answer, "ended", out);
}

static int end(const struct options *options)
{
    json_t *args = json_pack("{s:s}", "id", options->words[1]);
    return caller_say(options, caller_ask(options, "silence_end", args, CALLER_MS), add_ended);
}

static void add_made(const json_t *answer, struct text *out)
{
    int64_t fits = caller_number(answer, "fits");
    add_silence(answer, out);
    text_print(out,
               fits ? "fits %lld findings at present: remediations of these pause too; "
                      "recording goes on\n"
                    : "fits nothing at present\n",
               (long long)fits);
    add_shared(answer, "stored", out);
}

static int make(const struct options *options)
{
    json_t *args = json_object();
    if (options->word_count)
        (void)json_object_set_new(args, "what", json_string(options->words[0]));
    (void)json_object_set_new(args, "for_ms", json_integer(options->run_for_ms));
    if (options->reason)
        (void)json_object_set_new(args, "reason", json_string(options->reason));
    (void)json_object_set_new(args, "labels", options_pairs(options, OPTION_LABEL));
    return caller_say(options, caller_ask(options, "silence", args, CALLER_MS), add_made);
}

int cmd_silence(const struct options *options)
{
    const char *first = options->word_count ? options->words[0] : "";
    if (strcmp(first, "list") == 0 && options->word_count == 1)
        return caller_say(options, caller_ask(options, "silences", NULL, CALLER_MS), add_list);
    if (strcmp(first, "end") == 0 && options->word_count == 2)
        return end(options);
    if (options->word_count > 1 || (!options->word_count && !options->list_count)) {
        (void)fprintf(
            stderr,
            "runbookd: write silence TARGET[/CHECK[SUBJECT]] --for DURATION, silence list, "
            "or silence end ID\n");
        return EXIT_REFUSED;
    }
    if (!options->run_for_ms) {
        (void)fprintf(stderr, "runbookd: a silence needs an end: --for 45m\n");
        return EXIT_REFUSED;
    }
    return make(options);
}
