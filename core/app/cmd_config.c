/* config show - what is in force, with where each value comes from; references instead of values. */
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "app/outline.h"
#include "app/session.h"

static void print_outline(const struct outline *outline, int indent)
{
    for (size_t i = 0; i < outline->count; i++) {
        const struct outline_line *line = &outline->lines[i];
        int len = printf("%*s%s: %s", indent, "", line->key, line->value);
        (void)printf("%*s  # %s\n", len < 60 ? 60 - len : 0, "", line->origin);
    }
}

static void print_target(const struct config_target *target)
{
    struct arena *arena = arena_create();
    struct outline outline = outline_of_target(arena, target);
    (void)printf("  %s:\n", target->name);
    print_outline(&outline, 4);
    (void)printf("    checks:%s\n", target->check_count ? "" : " {}");
    for (size_t i = 0; i < target->check_count; i++) {
        outline = outline_of_check(arena, &target->checks[i]);
        (void)printf("      %s:\n", target->checks[i].name);
        print_outline(&outline, 8);
    }
    arena_destroy(arena);
}

static void print_sinks(const struct config *config)
{
    struct arena *arena = arena_create();
    (void)printf("sinks:\n  stdout: %s\n", config->console.off ? "off" : "{}");
    for (size_t i = 0; i < config->sink_count; i++) {
        struct outline outline = outline_of_sink(arena, &config->sinks[i]);
        (void)printf("  %s:\n", config->sinks[i].name);
        print_outline(&outline, 4);
    }
    arena_destroy(arena);
}

int cmd_config(const struct options *options)
{
    struct session session;
    int code = EXIT_REFUSED;
    if (options->word_count != 1 || strcmp(options->words[0], "show") != 0 ||
        options->path_count == 0) {
        (void)fprintf(stderr, "runbookd: write: runbookd config show -c PATH\n");
        return EXIT_REFUSED;
    }
    if (!session_open(&session, options))
        return EXIT_REFUSED;
    if (session_configure(&session, options)) {
        (void)printf("# configuration %s\nagent:\n  realm: %s\ntargets:%s\n",
                     session.config->digest,
                     session.config->agent.realm,
                     session.config->target_count ? "" : " {}");
        for (size_t i = 0; i < session.config->target_count; i++)
            print_target(&session.config->targets[i]);
        print_sinks(session.config);
        code = EXIT_FINE;
    }
    session_close(&session);
    return code;
}
