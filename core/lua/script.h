/*
 * script - a remediation script: what it says of itself, known without running it.
 *
 *     return {
 *       summary = "end idle client sessions, oldest first",
 *       expects = { plugin = "postgres", check = "connections" },
 *       targets = { db = "postgres" },              -- roles, each with its plugin
 *       needs   = { "db:terminate_sessions" },      -- verbs, role:action
 *       with    = { idle_for = { "duration", default = "10m", min = "1m", help = "..." } },
 *       deadline = "2m",
 *       run = function(agent, finding, with) ... end,
 *     }
 *
 * It is loaded with no verb at all, and what it declares is checked: whoever grants something to a
 * script reads this, and the sandbox holds the script to it.
 *
 * Layer: lua.  Uses: base, vm, probe, lua/sandbox.
 */
#ifndef LUA_SCRIPT_H
#define LUA_SCRIPT_H

#include <jansson.h>

#include "base/arena.h"
#include "base/blame.h"
#include "lua/sandbox.h"
#include "probe/node.h"
#include "probe/plugin.h"
#include "probe/problem.h"
#include "runbookd/probe.h"

enum {
    SCRIPT_MOST_ROLES = 16,
    SCRIPT_MOST_NEEDS = 32,
    SCRIPT_MOST_OPTIONS = 64,
    SCRIPT_LONGEST = 256 * 1024,
    SCRIPT_DIGEST_LEN = 16 /* hex digits of SHA-256 */
};

struct script_role {
    const char *name, *plugin;
};

struct script_need {
    const char *role, *action;
    const char *verb; /* "db:terminate_sessions" */
};

struct script {
    const char *name; /* "postgres/kill_idle" */
    const char *path;
    const char *summary;
    const char *plugin, *check; /* of `expects`; NULL: any */
    const struct script_role *roles;
    size_t role_count;
    const struct script_need *needs;
    size_t need_count;
    const struct probe_option *options; /* of `with`; ended by { 0 } */
    size_t config_size;
    int64_t deadline_ms;
    char digest[SCRIPT_DIGEST_LEN + 1]; /* of its source and of what it requires */
    struct blame blame;                 /* "postgres/kill_idle script DIGEST" */
    const char *aside;                  /* why it may not run; NULL: it may */
    struct source source;
    const struct sources *libs; /* what it may require */
};

/*
 * Loads and checks one; everything but `libs` is copied into `memory`.  NULL where something is wrong,
 * all of which is told.
 */
const struct script *script_load(struct arena *memory, const char *name, const char *path,
                                 const char *text, size_t len, const struct sources *libs,
                                 struct problems *problems);

/* The need that `verb` is, or NULL; the role of that name, or NULL. */
const struct script_need *script_need(const struct script *script, const char *verb);
const struct script_role *script_role(const struct script *script, const char *name);

/*
 * Whether the plugins have the checks and the actions that it speaks of; what they have not is told.  Of a plugin that is
 * not loaded a warning says that nothing could be looked at.
 */
bool script_fits(const struct script *script, const struct plugins *plugins,
                 struct problems *problems);

/*
 * `with` as run() gets it, from what an operator wrote (NULL: nothing): durations, sizes and rates as text,
 * what has neither a value nor a default absent.  NULL where something is wrong, which is told.
 */
json_t *script_with(const struct script *script, const struct node *written, const char *path,
                    struct problems *problems);

#endif
