/* checks - every check of every plugin, a line each. */
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "app/session.h"

static bool has_required_option(const struct probe_check *check)
{
    for (const struct probe_option *option = check->options; option && option->name; option++)
        if (!option->fallback)
            return true;
    return false;
}

static const char *when(const struct probe_check *check)
{
    return check->heavy || check->optional || has_required_option(check) ? "if named" : "yes";
}

static void list(const struct plugin *plugin)
{
    for (size_t i = 0; i < plugin->check_count; i++) {
        const struct probe_check *check = &plugin->checks[i].face;
        (void)printf("%-28s %-9s %-6s %-8s %s\n",
                     plugin->checks[i].full_name,
                     when(check),
                     check->every,
                     check->timeout,
                     check->title);
    }
}

int cmd_checks(const struct options *options)
{
    struct session session;
    int code = EXIT_FINE;
    if (!session_open(&session, options))
        return EXIT_REFUSED;
    (void)printf(
        "%-28s %-9s %-6s %-8s %s\n", "CHECK", "DEFAULT", "EVERY", "TIMEOUT", "NOT OK MEANS");
    for (size_t i = 0; i < session.plugins.count && options->word_count == 0; i++)
        list(session.plugins.all[i]);
    for (size_t i = 0; i < options->word_count; i++) {
        const struct plugin *plugin = plugin_find(&session.plugins, options->words[i]);
        if (plugin) {
            list(plugin);
        } else {
            (void)fprintf(stderr,
                          "runbookd: there is no plugin \"%s\"; see: runbookd plugins\n",
                          options->words[i]);
            code = EXIT_REFUSED;
        }
    }
    session_close(&session);
    return code;
}
