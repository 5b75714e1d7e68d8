/*
 * quarantine - plugins that made the agent crash three times within ten minutes are set aside, and scripts
 * that held up the loop once.
 *
 * What crashed when is noted in a file (io/crash): "crashes" in agent.state; where that cannot be
 * written, or none is configured, a file in the service's own folder below /run, or in /dev/shm.
 * It is read at the start: the verdict stands until the plugin's file has changed, the file of
 * notes is gone, or a day has passed since the last crash.
 *
 * Layer: app.  Uses: io/crash, probe/plugin, event.
 */
#ifndef APP_QUARANTINE_H
#define APP_QUARANTINE_H

#include "app/command.h"
#include "io/crash.h"
#include "probe/event.h"
#include "probe/plugin.h"

enum { QUARANTINE_CRASHES = 3 };

struct quarantine {
    struct crash_note notes[CRASH_NOTES];
    size_t count;
    int64_t wall_ms; /* of the start */
    char *path;      /* of the notes; NULL: none can be kept */
    char *trouble;   /* why they are not where they should be, to be said once; or NULL */
};

/* Reads what was noted, and watches for crashes from here on.  `paths` are the configuration's. */
void quarantine_open(struct quarantine *quarantine, const char *const *paths, size_t count);

/* For struct plugins; `data` is the quarantine. */
struct plugin_charge quarantine_judge(const char *name, const char *identity, void *data);

/* For shelf_judge(): one that held up the loop until the watchdog ended the agent; `data` is the quarantine. */
char *quarantine_judge_script(const char *name, const char *digest, void *data);

/* Says, as events, what is set aside, what crashed a moment ago, and where notes are not kept. */
void quarantine_say(const struct quarantine *quarantine, const struct plugins *plugins,
                    struct bus *bus, int64_t wall_ms);

void quarantine_close(struct quarantine *quarantine);

#endif
