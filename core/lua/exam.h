/*
 * exam - runs a test of scripts: offline, on a clock of its own, with answers that the test gives.
 *
 * A test is Lua, in a sandbox like that of scripts, with one module more, "test" (core/lua/test.lua says what it
 * has).  What a script asks of an action is held to the plugin's own option table, where the plugin is loaded: a test that
 * passes has asked what the agent would take.  Nothing else of the agent is there, so the same test always
 * ends in the same way.
 *
 * Layer: lua.  Uses: base, io, vm, probe, lua/shelf, lua/task.
 */
#ifndef LUA_EXAM_H
#define LUA_EXAM_H

#include "lua/shelf.h"
#include "probe/plugin.h"

/* Called for each case, in order; `failure` is NULL where it passed. */
typedef void exam_case_fn(const char *name, const char *failure, void *data);

/*
 * Runs one file.  Zero; or an error where it is no test: it does not compile, or raises outside of its cases.
 * A test without a case is an error.
 */
int exam_run(const struct shelf *shelf, const struct plugins *plugins, const char *path,
             exam_case_fn *fn, void *data, struct error *error);

#endif
