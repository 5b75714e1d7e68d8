/* reload - the running agent reads its configuration again, and says what came of it. */
#include <stdio.h>

#include "app/caller.h"

enum { RELOAD_MS = 30000 };

static void print_lines(FILE *out, const json_t *lines)
{
    struct text TEXT_AUTO text;
    size_t index;
    json_t *line;
    text_init(&text, 1 << 20);
    json_array_foreach(lines, index, line) {
        (void)screen_add(&text, json_string_value(line), 0);
        text_add_char(&text, '\n');
    }
    (void)fputs(text.bytes, out);
}

int cmd_reload(const struct options *options)
{
    json_t *answer = caller_ask(options, "reload", NULL, RELOAD_MS);
    if (!answer)
        return EXIT_REFUSED;
    bool taken = json_is_true(json_object_get(answer, "taken"));
    if (!caller_print_json(options, answer)) {
        FILE *out = taken ? stdout : stderr;
        print_lines(out, json_object_get(answer, taken ? "changes" : "errors"));
        (void)fprintf(out, "%s%s\n", taken ? "" : "runbookd: ", caller_word(answer, "message"));
    }
    json_decref(answer);
    return taken ? EXIT_FINE : EXIT_REFUSED;
}
