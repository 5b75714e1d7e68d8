#include "probe/plugin.h"

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "probe/plugin_file.h"

enum { DEEPEST_NESTING = 8, MOST_ELEMENTS = 1000, NAME_LEN = 65 };

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

/* What 1.0 had; a plugin cannot have been built with less. */
enum { SMALLEST_DESCRIPTOR = offsetof(struct probe_plugin, destroy) };

/* What 1.1 had of a lease. */
enum { SMALLEST_LEASE = offsetof(struct probe_lease, ended) };

/* ------------------------------------------------- tables of our sizes ---- */

static size_t count_elements(const void *table, size_t size)
{
    size_t count = 0;
    for (const char *at = table; at && *(const char *const *)at; at += size)
        if (++count == MOST_ELEMENTS)
            break;
    return count;
}

/* A copy with elements of `ours` bytes, ended by a zeroed one; all begin with their name. */
static void *resized(const void *table, size_t theirs, size_t ours, size_t *ret_count)
{
    size_t count = count_elements(table, theirs);
    char *copy = mem_array(count + 1, ours);
    for (size_t i = 0; i < count; i++)
        memcpy(copy + i * ours, (const char *)table + i * theirs, theirs < ours ? theirs : ours);
    if (ret_count)
        *ret_count = count;
    return copy;
}

static struct probe_option *own_options(const struct probe_option *options, size_t theirs,
                                        unsigned depth)
{
    if (!options || depth == DEEPEST_NESTING)
        return NULL;
    struct probe_option *own = resized(options, theirs, sizeof(*own), NULL);
    for (struct probe_option *option = own; option->name; option++)
        option->nested = own_options(option->nested, theirs, depth + 1);
    return own;
}

static void free_options(const struct probe_option *options)
{
    for (const struct probe_option *option = options; option && option->name; option++)
        free_options(option->nested);
    free((void *)options);
}

static void own_checks(struct plugin *plugin, const struct probe_sizes *sizes)
{
    struct probe_check *faces = resized(
        plugin->face.checks, sizes->check, sizeof(struct probe_check), &plugin->check_count);
    plugin->checks = mem_array(plugin->check_count + 1, sizeof(*plugin->checks));
    for (size_t i = 0; i < plugin->check_count; i++) {
        struct plugin_check *check = &plugin->checks[i];
        check->face = faces[i];
        check->face.options = own_options(check->face.options, sizes->option, 0);
        check->face.measures =
            resized(check->face.measures, sizes->measure, sizeof(struct probe_measure), NULL);
        check->full_name = mem_print("%s.%s", plugin->face.name, check->face.name);
        measures_init(&check->measures, check->face.measures);
    }
    plugin->face.checks = NULL;
    free(faces);
}

static void own_actions(struct plugin *plugin, const struct probe_sizes *sizes)
{
    plugin->actions = resized(
        plugin->face.actions, sizes->action, sizeof(struct probe_action), &plugin->action_count);
    for (size_t i = 0; i < plugin->action_count; i++)
        plugin->actions[i].options = own_options(plugin->actions[i].options, sizes->option, 0);
    plugin->face.actions = plugin->actions;
}

static void plugin_destroy(struct plugin *plugin)
{
    for (size_t i = 0; i < plugin->check_count; i++) {
        struct plugin_check *check = &plugin->checks[i];
        measures_finish(&check->measures);
        free_options(check->face.options);
        free((void *)check->face.measures);
        free(check->full_name);
    }
    for (size_t i = 0; i < plugin->action_count; i++)
        free_options(plugin->actions[i].options);
    free(plugin->checks);
    free(plugin->actions);
    free_options(plugin->face.options);
    free(plugin->path);
    free(plugin->name);
    free(plugin->aside);
    free(plugin->hint);
    free(plugin);
}

/* ---------------------------------------------------- what is held to ---- */

static bool name_fits(const char *name)
{
    if (!name || !islower((unsigned char)*name) || strlen(name) > 64)
        return false;
    for (const char *c = name; *c; c++)
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
            return false;
    return true;
}

static int check_tables(const struct plugin *plugin, struct error *error)
{
    for (size_t i = 0; i < plugin->check_count; i++) {
        const struct plugin_check *check = &plugin->checks[i];
        int64_t ms;
        if (!name_fits(check->face.name) || !check->face.run || !check->face.title)
            return error_set(error,
                             -EINVAL,
                             "its check \"%s\" lacks a proper name, a title or run()",
                             check->face.name);
        if (!check->face.every || units_duration(check->face.every, &ms) < 0 || ms == 0 ||
            !check->face.timeout || units_duration(check->face.timeout, &ms) < 0 || ms == 0)
            return error_set(error,
                             -EINVAL,
                             "its check \"%s\" has no proper every and timeout",
                             check->face.name);
        for (size_t slot = 0; slot < check->measures.count; slot++)
            if (!measure_name_fits(check->measures.slots[slot].name))
                return error_set(error,
                                 -EINVAL,
                                 "its check \"%s\" has a measure \"%s\", which is no proper name",
                                 check->face.name,
                                 check->measures.slots[slot].name);
    }
    return 0;
}

static int check_actions(const struct plugin *plugin, struct error *error)
{
    for (size_t i = 0; i < plugin->action_count; i++) {
        const struct probe_action *action = &plugin->actions[i];
        int64_t ms;
        if (!name_fits(action->name) || !action->apply || !action->help)
            return error_set(error,
                             -EINVAL,
                             "its action \"%s\" lacks a proper name, help or apply()",
                             action->name);
        if (!action->plan && action->effect != PROBE_READS)
            return error_set(error,
                             -EINVAL,
                             "its action \"%s\" changes something and has no plan()",
                             action->name);
        if (action->timeout && (units_duration(action->timeout, &ms) < 0 || ms == 0))
            return error_set(
                error, -EINVAL, "its action \"%s\" has no proper timeout", action->name);
    }
    return 0;
}

static int check_lease(const struct probe_lease *lease, struct error *error)
{
    int64_t ms;
    if (!lease)
        return 0;
    if (lease->size < SMALLEST_LEASE || !lease->claim)
        return error_set(error, -EINVAL, "its lease lacks its size or claim()");
    if (lease->timeout && (units_duration(lease->timeout, &ms) < 0 || ms == 0))
        return error_set(error, -EINVAL, "its lease has no proper timeout");
    return 0;
}

static int check_descriptor(const struct probe_plugin *face, struct error *error)
{
    if (face->abi_major != PROBE_ABI_MAJOR) {
        (void)error_set(error,
                        -EPROTO,
                        "it was built for version %u of the plugin contract, this is %u.%u",
                        face->abi_major,
                        PROBE_ABI_MAJOR,
                        PROBE_ABI_MINOR);
        return error_hint(error, "rebuild it with this version's runbookd/probe.h");
    }
    if (face->abi_minor > PROBE_ABI_MINOR) {
        (void)error_set(error,
                        -EPROTO,
                        "it needs version %u.%u of the plugin contract, this is %u.%u",
                        face->abi_major,
                        face->abi_minor,
                        PROBE_ABI_MAJOR,
                        PROBE_ABI_MINOR);
        return error_hint(error, "upgrade runbookd, or rebuild the plugin with this version");
    }
    const struct probe_sizes *sizes = &face->sizes;
    if (face->size < SMALLEST_DESCRIPTOR || !sizes->option || !sizes->measure || !sizes->check ||
        !sizes->action || !sizes->field || !sizes->column || !sizes->pair || !sizes->step) {
        (void)error_set(error, -EPROTO, "its descriptor is too small to be one");
        return error_hint(error, "begin the descriptor with PROBE_ABI");
    }
    if (!name_fits(face->name) || !face->version || !face->summary || !face->checks)
        return error_set(
            error, -EINVAL, "its descriptor lacks a proper name, a version, a summary or checks");
    return 0;
}

int plugin_add(struct plugins *plugins, const struct probe_plugin *descriptor, const char *path,
               struct error *error)
{
    int status = check_descriptor(descriptor, error);
    if (status < 0)
        return status;
    const struct plugin *twin = plugin_find(plugins, descriptor->name);
    if (twin)
        return error_set(error,
                         -EEXIST,
                         "a plugin named \"%s\" is loaded already, from %s",
                         descriptor->name,
                         twin->path);

    struct plugin *plugin = mem_new(sizeof(*plugin));
    size_t size = descriptor->size < sizeof(plugin->face) ? descriptor->size : sizeof(plugin->face);
    memcpy(&plugin->face, descriptor, size);
    plugin->path = mem_copy(path);
    plugin->face.options = own_options(plugin->face.options, descriptor->sizes.option, 0);
    own_checks(plugin, &descriptor->sizes);
    own_actions(plugin, &descriptor->sizes);
    status = check_tables(plugin, error);
    status = status < 0 ? status : check_actions(plugin, error);
    status = status < 0 ? status : check_lease(plugin->face.lease, error);
    if (status < 0) {
        plugin_destroy(plugin);
        return status;
    }

    size_t at = 0;
    while (at < plugins->count && strcmp(plugins->all[at]->face.name, descriptor->name) < 0)
        at++;
    plugins->all = mem_resize(plugins->all, (plugins->count + 1) * sizeof(struct plugin *));
    memmove(
        plugins->all + at + 1, plugins->all + at, (plugins->count - at) * sizeof(struct plugin *));
    plugins->all[at] = plugin;
    plugins->count++;
    return 0;
}

/* ------------------------------------------------------------- loading ---- */

static int check_file_name(const char *path, const char *name, struct error *error)
{
    const char *base = strrchr(path, '/') + 1;
    size_t len = strlen(name);
    if (strncmp(base, name, len) == 0 && strcmp(base + len, ".so") == 0)
        return 0;
    (void)error_set(error, -EINVAL, "it calls itself \"%s\", which is not its file's name", name);
    return error_hint(error, "a plugin's file is NAME.so: rename it to %s.so", name);
}

static int load_object(struct plugins *plugins, const char *path, struct error *error)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        const char *why = dlerror();
        (void)error_set(error, -ENOEXEC, "it cannot be loaded: %s", why ? why : "unknown error");
        return error_hint(error, "a plugin is a shared object for this machine, see README");
    }
    probe_entry_fn *entry;
    *(void **)&entry = dlsym(object, TEXT_OF(PROBE_ENTRY));
    if (!entry) {
        (void)error_set(error, -EPROTO, "it has no symbol %s", TEXT_OF(PROBE_ENTRY));
        return error_hint(error,
                          "end it with PROBE_PLUGIN(descriptor); and build it with version %u of "
                          "runbookd/probe.h",
                          PROBE_ABI_MAJOR);
    }
    const struct probe_plugin *face = entry();
    if (!face)
        return error_set(error, -EPROTO, "%s() returned nothing", TEXT_OF(PROBE_ENTRY));
    int status = check_descriptor(face, error);
    if (status == 0)
        status = check_file_name(path, face->name, error);
    return status < 0 ? status : plugin_add(plugins, face, path, error);
}

/* ----------------------------------------------------------- set aside ---- */

static void never_run(struct probe_target *self, struct probe_run *run)
{
    (void)self, (void)run; /* see struct plugin: nobody calls it */
}

/* What stands in the list for a plugin that is not loaded: one check, which says so. */
static void add_stand_in(struct plugins *plugins, const char *name, const char *path)
{
    static const struct probe_measure none[] = {{0}};
    static const struct probe_check checks[] = {{.name = "connect",
                                                 .title = "its plugin is set aside",
                                                 .measures = none,
                                                 .every = "30s",
                                                 .timeout = "10s",
                                                 .run = never_run},
                                                {0}};
    struct error error;
    const struct probe_plugin face = {
        PROBE_ABI,
        .name = name,
        .version = "?",
        .summary = "set aside, since loading it made the agent crash",
        .scheme = name,
        .checks = checks,
    };
    if (plugin_add(plugins, &face, path, &error) < 0)
        return;
    struct plugin *plugin = plugin_find(plugins, name);
    plugin->name = mem_copy(name);
    plugin->face.name = plugin->face.scheme = plugin->name;
    plugin->unread = true;
}

/* "postgres" of "/usr/lib/runbookd/plugins/postgres.so"; false: it can be no plugin's. */
static bool name_of(const char *path, char name[NAME_LEN])
{
    const char *base = strrchr(path, '/') + 1;
    size_t len = strlen(base), ending = strlen(".so");
    if (len <= ending || len - ending >= NAME_LEN)
        return false;
    memcpy(name, base, len - ending);
    name[len - ending] = '\0';
    return name_fits(name);
}

int plugin_load(struct plugins *plugins, const char *path, struct error *error)
{
    char identity[PLUGIN_IDENTITY_LEN], name[NAME_LEN];
    struct plugin_charge charge = {0};
    struct blame loading = {0};
    int status = plugin_check_file(path, identity, error);
    if (status < 0)
        return status;
    bool named = name_of(path, name);
    if (named && plugins->judge)
        charge = plugins->judge(name, identity, plugins->judge_data);
    if (named)
        (void)snprintf(loading.text, sizeof(loading.text), "%s load %s", name, identity);
    if (charge.why && charge.in_loading)
        add_stand_in(plugins, name, path);
    else
        BLAME(&loading, status = load_object(plugins, path, error));
    struct plugin *plugin = named && status == 0 ? plugin_find(plugins, name) : NULL;
    if (!plugin) {
        free(charge.why);
        free(charge.hint);
        return status;
    }
    (void)snprintf(plugin->blame.text, sizeof(plugin->blame.text), "%s run %s", name, identity);
    plugin->aside = charge.why;
    plugin->hint = charge.hint;
    return 0;
}

static int is_object(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0;
}

int plugin_load_folder(struct plugins *plugins, const char *folder, plugin_refused_fn *refused,
                       void *data, struct error *error)
{
    struct dirent **entries = NULL;
    MEM_AUTO char *real = realpath(folder, NULL);
    int status = real ? plugin_check_folder(real, error) : 0;
    if (status < 0)
        return status;
    int count = real ? scandir(real, &entries, is_object, alphasort) : -1;
    if (count < 0) {
        (void)error_set(
            error, -errno, "cannot read the plugin folder %s: %s", folder, strerror(errno));
        return error_hint(error, "name the right one with --plugins or RUNBOOKD_PLUGINS");
    }
    for (int i = 0; i < count; i++) {
        struct error why;
        MEM_AUTO char *path = mem_print("%s/%s", real, entries[i]->d_name);
        if (plugin_load(plugins, path, &why) < 0)
            refused(path, &why, data);
        free(entries[i]);
    }
    free(entries);
    return 0;
}

/* ------------------------------------------------------------- finding ---- */

struct plugin *plugin_find(const struct plugins *plugins, const char *name)
{
    for (size_t i = 0; i < plugins->count; i++)
        if (strcmp(plugins->all[i]->face.name, name) == 0)
            return plugins->all[i];
    return NULL;
}

const struct plugin_check *plugin_find_check(const struct plugin *plugin, const char *name)
{
    for (size_t i = 0; i < plugin->check_count; i++)
        if (strcmp(plugin->checks[i].face.name, name) == 0)
            return &plugin->checks[i];
    return NULL;
}

bool plugin_answers(const struct plugin *plugin, const char *scheme, size_t len, size_t *ret_place)
{
    const char *at = plugin->face.scheme;
    for (size_t place = 0; at && *at; place++) {
        size_t word = strcspn(at, ",");
        if (word == len && strncmp(at, scheme, len) == 0) {
            *ret_place = place;
            return true;
        }
        at += word + (at[word] == ',');
    }
    return false;
}

struct plugin *plugin_for_scheme(const struct plugins *plugins, const char *scheme, size_t len)
{
    struct plugin *best = NULL;
    size_t best_place = SIZE_MAX, place;
    for (size_t i = 0; i < plugins->count; i++) {
        if (plugin_answers(plugins->all[i], scheme, len, &place) && place < best_place) {
            best = plugins->all[i];
            best_place = place;
        }
    }
    return best;
}

void plugins_finish(struct plugins *plugins)
{
    for (size_t i = 0; i < plugins->count; i++)
        plugin_destroy(plugins->all[i]);
    free(plugins->all);
    *plugins = (struct plugins){0};
}
