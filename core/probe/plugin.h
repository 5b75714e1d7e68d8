/*
 * plugin - shared objects that know one kind of system each, loaded and never unloaded.
 *
 * A plugin's tables are copied into elements of our own size, so that the rest of the agent reads
 * plain arrays, whichever minor version of the contract the plugin was built with.
 *
 * Layer: probe.  Uses: base, include, probe/measure.
 */
#ifndef PROBE_PLUGIN_H
#define PROBE_PLUGIN_H

#include <stddef.h>

#include "base/blame.h"
#include "base/error.h"
#include "probe/measure.h"
#include "runbookd/probe.h"

/* A check of a plugin, with what the agent derives from its tables. */
struct plugin_check {
    struct probe_check face; /* options and measures point to tables of our element size */
    struct measures measures;
    char *full_name; /* "postgres.connections" */
};

/*
 * A plugin that made the agent crash again and again is set aside: its tables are read, none of its
 * code is called any more.  Where it crashed while it was loaded it is not loaded either, and stands
 * in the list without its tables, so that its targets can say so.
 */
struct plugin {
    struct probe_plugin face; /* as its checks, but actions and options too, are ours in size */
    char *path;
    struct plugin_check *checks;
    size_t check_count;
    struct probe_action *actions;
    size_t action_count;
    struct blame blame; /* what is noted where its code crashes */
    char *name;         /* of one that is not loaded */
    char *aside;        /* why it is set aside, for people; NULL: it is not */
    char *hint;         /* ... and how that ends */
    bool unread;        /* set aside, and its tables are not known */
};

/* What speaks against a plugin's file; NULL `why`: nothing.  Both texts are taken over. */
struct plugin_charge {
    char *why, *hint;
    bool in_loading; /* loading it is what crashed */
};

/* Asked of each file before it is loaded: `identity` is another one once the file has changed. */
typedef struct plugin_charge plugin_judge_fn(const char *name, const char *identity, void *data);

/* Zeroed at first; all plugins of a process, by name. */
struct plugins {
    struct plugin **all;
    size_t count;
    plugin_judge_fn *judge; /* NULL: nothing speaks against any of them */
    void *judge_data;
};

/*
 * Loads one file: an absolute path, a regular file that neither group nor world may write (nor
 * anybody but root and ourselves), with a fitting version and a proper name.  Zero, or an error
 * that says what to do.
 */
int plugin_load(struct plugins *plugins, const char *path, struct error *error);

/*
 * Loads every *.so of a folder, into which nobody but root and ourselves may write; `refused` hears of each that
 * was not, and loading goes on.
 */
typedef void plugin_refused_fn(const char *path, const struct error *error, void *data);
int plugin_load_folder(struct plugins *plugins, const char *folder, plugin_refused_fn *refused,
                       void *data, struct error *error);

/* Adds a plugin that is linked in, as tests do. */
int plugin_add(struct plugins *plugins, const struct probe_plugin *descriptor, const char *path,
               struct error *error);

struct plugin *plugin_find(const struct plugins *plugins, const char *name);
const struct plugin_check *plugin_find_check(const struct plugin *plugin, const char *name);

/*
 * Whether it answers to an URL's scheme ("rediss"), and at which place of its list that stands: what
 * it is called by comes first, what merely carries it (https) last.
 */
bool plugin_answers(const struct plugin *plugin, const char *scheme, size_t len, size_t *ret_place);

/* The plugin that answers to it, in whose list it stands first; or NULL. */
struct plugin *plugin_for_scheme(const struct plugins *plugins, const char *scheme, size_t len);

/* Frees the copies; the shared objects stay loaded, as the contract says. */
void plugins_finish(struct plugins *plugins);

#endif
