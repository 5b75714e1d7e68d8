/* silence - keeps findings from people for a while; lists and ends silences. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/caller.h"
#include "base/mem.h"

enum { LONGEST = 1 << 20, GAP = 2 };

static void add_minute(struct text *out, const json_t *object, const char *name)
{
    const char *time = caller_word(object, name);
    text_print(out, "%.10s %.5s UTC", time, *time ? time + 11 : "");
}

static void add_silence(const json_t *silence, struct text *out)
{
    struct text TEXT_AUTO line;
    text_init(&line, 8192);
    text_print(&line,
               "silence %s  %s  until ",
               caller_word(silence, "silence"),
               caller_word(silence, "about"));
    add_minute(&line, silence, "until");
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
        add_minute(&line, window, "until");
    }
    if (*caller_word(window, "reason"))
        text_print(&line, ": %s", caller_word(window, "reason"));
    (void)screen_add(out, line.bytes, 0);
    text_add_char(out, '\n');
}

/* Whether Alertmanager has heard of it. */
static void print_shared(const json_t *answer, const char *done)
{
    struct text TEXT_AUTO line;
    text_init(&line, LONGEST);
    if (json_is_true(json_object_get(answer, "shared")))
        text_print(&line, "%s in Alertmanager, too\n", done);
    else if (json_object_get(answer, "shared"))
        text_print(&line,
                   "not %s in Alertmanager yet, which is tried again: %s\n",
                   done,
                   caller_word(answer, "not_shared"));
    caller_print(&line);
}

static int list(const struct options *options)
{
    json_t *answer = caller_ask(options, "silences", NULL, CALLER_MS);
    struct text TEXT_AUTO out;
    size_t index;
    json_t *silence;
    text_init(&out, LONGEST);
    if (!answer)
        return EXIT_REFUSED;
    if (!caller_print_json(options, answer)) {
        json_array_foreach(json_object_get(answer, "silences"), index, silence)
            add_silence(silence, &out);
        json_array_foreach(json_object_get(answer, "windows"), index, silence)
            add_window(silence, &out);
        if (!out.len)
            text_add(&out, "no silence holds\n");
        caller_print(&out);
    }
    json_decref(answer);
    return EXIT_FINE;
}

static int end(const struct options *options)
{
    json_t *args = json_pack("{s:s}", "id", options->words[1]);
    json_t *answer = caller_ask(options, "silence_end", args, CALLER_MS);
    if (!answer)
        return EXIT_REFUSED;
    if (!caller_print_json(options, answer)) {
        (void)printf("silence %s has ended\n", caller_word(answer, "ended"));
        caller_print_kept(answer);
        print_shared(answer, "ended");
    }
    json_decref(answer);
    return EXIT_FINE;
}

static int make(const struct options *options)
{
    struct text TEXT_AUTO out;
    json_t *args = json_object();
    text_init(&out, LONGEST);
    if (options->word_count)
        (void)json_object_set_new(args, "what", json_string(options->words[0]));
    (void)json_object_set_new(args, "for_ms", json_integer(options->run_for_ms));
    if (options->reason)
        (void)json_object_set_new(args, "reason", json_string(options->reason));
    (void)json_object_set_new(args, "labels", options_pairs(options, OPTION_LABEL));
    json_t *answer = caller_ask(options, "silence", args, CALLER_MS);
    if (!answer)
        return EXIT_REFUSED;
    int64_t fits = caller_number(answer, "fits");
    if (!caller_print_json(options, answer)) {
        add_silence(answer, &out);
        text_print(&out,
                   fits ? "fits %lld findings at present: remediations of these pause too; "
                          "recording goes on\n"
                        : "fits nothing at present\n",
                   (long long)fits);
        caller_print(&out);
        caller_print_kept(answer);
        print_shared(answer, "stored");
    }
    json_decref(answer);
    return EXIT_FINE;
}

int cmd_silence(const struct options *options)
{
    const char *first = options->word_count ? options->words[0] : "";
    if (strcmp(first, "list") == 0 && options->word_count == 1)
        return list(options);
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
