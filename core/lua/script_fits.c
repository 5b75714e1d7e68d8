/*
 * script_fits - what a script declares, held against the plugins that are loaded.
 *
 * Layer: lua.  Part of lua/script.
 */
#include <string.h>

#include "base/mem.h"
#include "lua/script_parts.h"
#include "probe/act.h"

static const char **names_of(const struct plugin *plugin, bool actions)
{
    size_t count = actions ? plugin->action_count : plugin->check_count;
    const char **names = mem_array(count + 1, sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = actions ? plugin->actions[i].name : plugin->checks[i].face.name;
    return names;
}

static void refuse(struct problems *problems, const struct script *script, const char *key,
                   const struct plugin *plugin, bool actions, const char *name)
{
    MEM_AUTO const char **names = names_of(plugin, actions);
    problem_hint_words(problem_add(problems,
                                   (struct place){script->path, 0, 0},
                                   key,
                                   "%s has no %s \"%s\"",
                                   plugin->face.name,
                                   actions ? "action" : "check",
                                   name),
                       name,
                       names);
}

/* The plugin, or NULL with a word that nothing of it could be looked at. */
static const struct plugin *find(const struct script *script, const struct plugins *plugins,
                                 const char *name, const char *key, struct problems *problems)
{
    const struct plugin *plugin = plugin_find(plugins, name);
    if (!plugin)
        (void)problem_warn(problems,
                           (struct place){script->path, 0, 0},
                           key,
                           "there is no plugin \"%s\" here: what is asked of it is not looked at",
                           name);
    return plugin;
}

bool script_fits(const struct script *script, const struct plugins *plugins,
                 struct problems *problems)
{
    size_t errors = problems->errors;
    const struct plugin *plugin =
        script->plugin ? find(script, plugins, script->plugin, "expects.plugin", problems) : NULL;
    if (plugin && script->check && !plugin_find_check(plugin, script->check))
        refuse(problems, script, "expects.check", plugin, false, script->check);
    for (size_t i = 0; i < script->role_count; i++)
        (void)find(script, plugins, script->roles[i].plugin, "targets", problems);
    for (size_t i = 0; i < script->need_count; i++) {
        const struct script_need *need = &script->needs[i];
        plugin = plugin_find(plugins, script_role(script, need->role)->plugin);
        if (plugin && !act_find(plugin, need->action))
            refuse(problems, script, "needs", plugin, true, need->action);
    }
    return problems->errors == errors;
}
