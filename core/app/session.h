/*
 * session - what every command needs first: the plugins, and a configuration.
 *
 * Layer: app.  Uses: base, probe.
 */
#ifndef APP_SESSION_H
#define APP_SESSION_H

#include <jansson.h>

#include "app/command.h"
#include "app/quarantine.h"
#include "incident/entry.h"
#include "probe/config.h"
#include "probe/plugin.h"

struct notify;

struct session {
    struct plugins plugins;
    struct config *config; /* NULL: none was read */
    struct entries
        *entries;    /* its remediations; NULL: they are wrong, while an earlier one is in force */
    size_t refused;  /* plugins that were not loaded; each was said */
    size_t refusals; /* of the configuration in force, by plugins */
    size_t errors;   /* of the present configuration, while an earlier one is in force */
    bool without;    /* ... or none at all */
    struct quarantine *quarantine; /* NULL: not the agent itself */
    struct notify *notify;         /* the service manager; NULL: none */
};

/*
 * Loads the plugins: from --plugins, RUNBOOKD_PLUGINS, "plugins" beside the program's folder (a
 * build tree), or where they are installed.  One that is refused is said on stderr; the others
 * are loaded.  False where there is no folder; that is said too.
 */
bool session_open(struct session *session, const struct options *options);

/* The same for the agent itself: what `quarantine`, which is borrowed, speaks against is set aside. */
bool session_open_guarded(struct session *session, const struct options *options,
                          struct quarantine *quarantine);

/* Where scripts are: --scripts, RUNBOOKD_SCRIPTS, or as plugins are found.  Freed by free(). */
char *session_script_folder(const struct options *options);

/*
 * Reads the configuration of -c, or builds it from `root` (stolen; `origin` says where it is from),
 * and prints all its problems to stderr.  False where there were errors.
 */
bool session_configure(struct session *session, const struct options *options);

/*
 * Reads -c again, without printing; the caller owns what is returned, the remediations in `*ret_entries` too.
 * NULL where either is wrong.
 */
struct config *session_read(const struct session *session, const struct options *options,
                            struct problems *problems, struct entries **ret_entries);

/* The remediations of the configuration that is in force, where that was not read from -c; what is wrong is printed. */
void session_take_entries(struct session *session, const struct options *options);
bool session_build(struct session *session, json_t *root, const char *origin);

/* Prints all problems to stderr, and forgets them.  Whether none of them was an error. */
bool session_print(struct problems *problems);

void session_close(struct session *session);

#endif
