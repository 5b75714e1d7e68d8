/* probe - all light checks that fit an URL, without a configuration. */
#include <stdio.h>
#include <string.h>

#include "app/agent.h"
#include "app/command.h"
#include "app/session.h"
#include "base/mem.h"

static void print_schemes(const struct plugins *plugins)
{
    (void)fprintf(stderr, "runbookd: known schemes:");
    for (size_t i = 0; i < plugins->count; i++)
        if (plugins->all[i]->face.scheme)
            (void)fprintf(stderr, " %s", plugins->all[i]->face.scheme);
    (void)fprintf(stderr, "\n");
}

/* Adds a target for `url`, named after its plugin: redis, redis-2, ... */
static bool add_target(const struct plugins *plugins, json_t *targets, const char *url)
{
    const char *colon = strstr(url, ":");
    const struct plugin *plugin =
        colon ? plugin_for_scheme(plugins, url, (size_t)(colon - url)) : NULL;
    if (!plugin) {
        (void)fprintf(stderr,
                      "runbookd: no plugin answers to \"%.*s\"; write an URL with its scheme\n",
                      colon ? (int)(colon - url) + 1 : 40,
                      url);
        print_schemes(plugins);
        return false;
    }
    char *name = mem_copy(plugin->face.name);
    for (int number = 2; json_object_get(targets, name); number++) {
        free(name);
        name = mem_print("%s-%d", plugin->face.name, number);
    }
    (void)json_object_set_new(
        targets, name, json_pack("{s:s, s:s}", "type", plugin->face.name, "url", url));
    free(name);
    return true;
}

int cmd_probe(const struct options *options)
{
    struct session session;
    int code = EXIT_UNKNOWN;
    bool fine = true;
    if (options->word_count == 0) {
        (void)fprintf(stderr,
                      "runbookd: probe what?  For example: runbookd probe redis://localhost\n");
        return EXIT_UNKNOWN;
    }
    if (!session_open(&session, options))
        return EXIT_UNKNOWN;
    json_t *targets = json_object();
    for (size_t i = 0; i < options->word_count; i++)
        fine = add_target(&session.plugins, targets, options->words[i]) && fine;
    json_t *root = json_pack("{s:i, s:o}", "version", 1, "targets", targets);
    if (!fine) {
        json_decref(root);
    } else if (session_build(&session, root, "the command line")) {
        struct options all = *options;
        all.word_count = 0; /* those were URLs, not targets' names */
        code = agent_once(&session, &all);
    }
    session_close(&session);
    return code;
}
