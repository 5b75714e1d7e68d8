/* spool - what waits for sinks, and what their receivers have refused: listed, sent again, dropped. */
#include <stdio.h>
#include <string.h>

#include "app/caller.h"
#include "base/mem.h"

enum { RESEND_MS = 30000 };

static void add_sink(const json_t *sink, struct text *out)
{
    struct text TEXT_AUTO line;
    text_init(&line, 8192);
    text_print(&line,
               "sink %s  %s%lld taken, %lld wait, %lld dropped, %lld set aside",
               caller_word(sink, "sink"),
               json_is_true(json_object_get(sink, "down")) ? "DOWN  " : "",
               (long long)caller_number(sink, "taken"),
               (long long)caller_number(sink, "waiting"),
               (long long)caller_number(sink, "dropped"),
               (long long)caller_number(sink, "aside"));
    (void)screen_add(out, line.bytes, 0);
    text_add_char(out, '\n');
}

static void add_refused(const json_t *aside, struct text *out)
{
    struct text TEXT_AUTO line;
    text_init(&line, 8192);
    text_print(
        &line, "%lld  %s  ", (long long)caller_number(aside, "id"), caller_word(aside, "sink"));
    caller_add_minute(&line, aside, "refused");
    text_print(&line, "  %s: %s", caller_word(aside, "kind"), caller_word(aside, "message"));
    (void)screen_add(out, line.bytes, 0);
    text_add(out, "\n    ");
    (void)screen_add(out, caller_word(aside, "why"), 0);
    text_add_char(out, '\n');
}

static void add_list(const json_t *answer, struct text *out)
{
    size_t index;
    json_t *each;
    json_array_foreach(json_object_get(answer, "sinks"), index, each)
        add_sink(each, out);
    json_array_foreach(json_object_get(answer, "aside"), index, each)
        add_refused(each, out);
    if (caller_number(answer, "left_out"))
        text_print(out, "and %lld more\n", (long long)caller_number(answer, "left_out"));
}

static int list(const struct options *options, const char *what)
{
    json_t *args = what ? json_pack("{s:s}", "what", what) : NULL;
    return caller_say(options, caller_ask(options, "spool", args, CALLER_MS), add_list);
}

static void add_whole(const json_t *answer, struct text *out)
{
    const json_t *aside = json_array_get(json_object_get(answer, "aside"), 0);
    add_refused(aside, out);
    (void)screen_add(out, caller_word(aside, "event"), 0);
    text_add_char(out, '\n');
}

static int show(const struct options *options, const char *what)
{
    json_t *args = json_pack("{s:s, s:b}", "what", what, "whole", 1);
    return caller_say(options, caller_ask(options, "spool", args, CALLER_MS), add_whole);
}

static json_t *ask_resend(const struct options *options, const char *what, long long after,
                          long long up_to)
{
    json_t *args = json_pack(
        "{s:s, s:I, s:I}", "what", what, "after", (json_int_t)after, "up_to", (json_int_t)up_to);
    return caller_ask(options, "spool_resend", args, RESEND_MS);
}

/*
 * In rounds, since what waits in memory is bounded, each behind what the last one has seen: some of that may
 * still be there, of sinks that are gone.  What was refused since the first is left.
 */
static int resend(const struct options *options, const char *what)
{
    long long resent = 0, strangers = 0, left = 1, after = 0, up_to = 0;
    while (left > 0) {
        json_t *answer = ask_resend(options, what, after, up_to);
        if (!answer)
            return EXIT_REFUSED;
        resent += caller_number(answer, "resent");
        strangers += caller_number(answer, "strangers");
        left = caller_number(answer, "seen") > after ? caller_number(answer, "left") : 0;
        after = caller_number(answer, "seen");
        up_to = up_to ? up_to : caller_number(answer, "up_to");
        (void)caller_print_json(options, answer);
        json_decref(answer);
    }
    if (!options->json)
        (void)printf("%lld sent again\n", resent);
    if (strangers)
        (void)fprintf(
            stderr, "runbookd: %lld are of sinks that are not configured any more\n", strangers);
    return resent || !strangers ? EXIT_FINE : EXIT_REFUSED;
}

static void add_dropped(const json_t *answer, struct text *out)
{
    text_print(out, "%lld dropped\n", (long long)caller_number(answer, "dropped"));
}

static int drop(const struct options *options, const char *what)
{
    json_t *args = json_pack("{s:s}", "what", what);
    return caller_say(options, caller_ask(options, "spool_drop", args, CALLER_MS), add_dropped);
}

int cmd_spool(const struct options *options)
{
    static const struct {
        const char *word;
        int (*run)(const struct options *options, const char *what);
    } words[] = {{"show", show}, {"resend", resend}, {"drop", drop}};
    const char *first = options->word_count ? options->words[0] : "list";
    if (strcmp(first, "list") == 0 && options->word_count <= 2)
        return list(options, options->word_count == 2 ? options->words[1] : NULL);
    for (size_t i = 0; options->word_count == 2 && i < COUNT_OF(words); i++)
        if (strcmp(first, words[i].word) == 0)
            return words[i].run(options, options->words[1]);
    (void)fprintf(stderr,
                  "runbookd: write spool list [SINK], spool show ID, spool resend SINK|ID|all, or "
                  "spool drop SINK|ID|all\n");
    return EXIT_REFUSED;
}
