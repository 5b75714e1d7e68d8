/*
 * diff - what a change of the configuration would change: + new, - gone, ~ otherwise.
 *
 * Offline: it needs no secret and no network, so that it can run in a pull request.  Exit code 0,
 * or 1 where one of the two is wrong.
 */
#include <stdio.h>

#include "app/command.h"
#include "app/difference.h"
#include "app/session.h"

enum { LONGEST_ANSWER = 64 << 20 };

int cmd_diff(const struct options *options)
{
    struct session old = {.config = NULL};
    struct options one = *options;
    int code = EXIT_REFUSED;
    if (options->word_count != 2) {
        (void)fprintf(stderr, "runbookd: diff takes two configurations: runbookd diff OLD NEW\n");
        return EXIT_REFUSED;
    }
    one.offline = true;
    one.path_count = 1;
    one.paths = options->words;
    if (!session_open(&old, options))
        return EXIT_REFUSED;
    struct session new = old; /* the same plugins */
    bool fine = session_configure(&old, &one);
    one.paths = options->words + 1;
    fine = session_configure(&new, &one) && fine;
    if (fine) {
        struct text TEXT_AUTO out;
        text_init(&out, LONGEST_ANSWER);
        if (difference_print(old.config, new.config, &out) == 0)
            text_add(&out, "no change\n");
        (void)fputs(out.bytes, stdout);
        code = EXIT_FINE;
    }
    entries_release(new.entries);
    config_destroy(new.config);
    session_close(&old);
    return code;
}
