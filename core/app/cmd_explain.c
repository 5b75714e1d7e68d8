/* explain - what a plugin, a check or an action is: from the tables that also validate. */
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "app/describe.h"
#include "app/session.h"
#include "base/mem.h"

static void print_measures(const struct measures *measures)
{
    static const char *const kinds[] = {"number", "counter", "word", "true|false"};
    for (size_t i = 0; i < measures->count; i++) {
        const struct measure_slot *slot = &measures->slots[i];
        (void)printf("  %-22s %-10s %s%s",
                     slot->name,
                     kinds[slot->kind],
                     slot->optional ? "may be absent. " : "",
                     slot->help ? slot->help : "");
        for (size_t word = 0; slot->words && slot->words[word]; word++)
            (void)printf("%s%s", word ? ", " : ": ", slot->words[word]);
        (void)printf("\n");
    }
}

static void explain_check(const struct plugin_check *check)
{
    const struct probe_check *face = &check->face;
    (void)printf("%s   %s\n", check->full_name, face->title);
    (void)printf("  every %s, time limit %s%s%s\n",
                 face->every,
                 face->timeout,
                 face->heavy ? ", heavy: keeps its own interval and runs only if named" : "",
                 face->optional ? ", runs only if named" : "");
    (void)printf("\nConditions\n  warning   %s\n  critical  %s\n",
                 face->warning ? face->warning : "never",
                 face->critical ? face->critical : "never");
    (void)printf("\nMeasures\n");
    print_measures(&check->measures);
    if (face->options && face->options->name) {
        (void)printf("\nOptions\n");
        describe_options(face->options, 2);
    }
    if (face->applies)
        (void)printf("\nApplies to\n  %s; elsewhere it is ok, and says that it does not apply\n",
                     face->applies);
    describe_block("Asks", face->asks);
    describe_block("Rights", face->needs);
}

static void explain_action(const struct plugin *plugin, const struct probe_action *action)
{
    (void)printf("%s:%s   %s\n", plugin->face.name, action->name, action->help);
    (void)printf("  %s; an approval binds %s\n",
                 describe_effect(action->effect),
                 action->binds == PROBE_BINDS_BOUNDS ? "bounds" : "items");
    (void)printf("\nOptions\n");
    describe_options(action->options, 2);
    describe_block("Rights", action->needs);
}

static void explain_plugin(const struct plugin *plugin)
{
    (void)printf("%s %s   %s\n  %s\n\nOptions of a target\n",
                 plugin->face.name,
                 plugin->face.version,
                 plugin->face.summary,
                 plugin->path);
    describe_options(plugin->face.options, 2);
    (void)printf("\nChecks\n");
    for (size_t i = 0; i < plugin->check_count; i++)
        (void)printf("  %-28s %s\n", plugin->checks[i].full_name, plugin->checks[i].face.title);
    for (size_t i = 0; i < plugin->action_count; i++)
        (void)printf("%s  %s:%-20s %s\n",
                     i ? "" : "\nActions\n",
                     plugin->face.name,
                     plugin->actions[i].name,
                     plugin->actions[i].help);
}

static bool explain(const struct plugins *plugins, const char *name)
{
    size_t len = strcspn(name, ".:");
    MEM_AUTO char *first = mem_copy_n(name, len);
    const char *rest = name[len] ? name + len + 1 : NULL;
    const struct plugin *plugin = plugin_find(plugins, first);

    if (plugin && !rest) {
        explain_plugin(plugin);
        return true;
    }
    const struct plugin_check *check = plugin && rest ? plugin_find_check(plugin, rest) : NULL;
    if (check) {
        explain_check(check);
        return true;
    }
    for (size_t i = 0; plugin && rest && i < plugin->action_count; i++) {
        if (strcmp(plugin->actions[i].name, rest) == 0) {
            explain_action(plugin, &plugin->actions[i]);
            return true;
        }
    }
    return false;
}

/* What the operator may have meant: a check's full name, a plugin's. */
static void print_nearest(const struct plugins *plugins, const char *name)
{
    size_t count = 0, room = plugins->count + 1;
    for (size_t i = 0; i < plugins->count; i++)
        room += plugins->all[i]->check_count;
    const char **names MEM_AUTO = mem_array(room, sizeof(*names));
    for (size_t i = 0; i < plugins->count; i++) {
        names[count++] = plugins->all[i]->face.name;
        for (size_t check = 0; check < plugins->all[i]->check_count; check++)
            names[count++] = plugins->all[i]->checks[check].full_name;
    }
    const char *nearest = problem_nearest(name, names);
    (void)fprintf(stderr, "runbookd: nothing is called \"%s\"", name);
    if (nearest)
        (void)fprintf(stderr, "; did you mean %s?\n", nearest);
    else
        (void)fprintf(stderr, "; see: runbookd checks\n");
}

int cmd_explain(const struct options *options)
{
    struct session session;
    int code = EXIT_FINE;
    if (options->word_count == 0) {
        (void)fprintf(
            stderr,
            "runbookd: explain what?  For example: runbookd explain postgres.connections\n");
        return EXIT_REFUSED;
    }
    if (!session_open(&session, options))
        return EXIT_REFUSED;
    for (size_t i = 0; i < options->word_count; i++) {
        if (i)
            (void)printf("\n");
        if (!explain(&session.plugins, options->words[i])) {
            print_nearest(&session.plugins, options->words[i]);
            code = EXIT_REFUSED;
        }
    }
    session_close(&session);
    return code;
}
