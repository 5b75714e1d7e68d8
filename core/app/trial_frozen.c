/*
 * trial_frozen - whether anything may be changed by hand: file and windows of guard.freeze, and what people have
 * told the agent that runs with the same configuration.
 *
 * Layer: app.  Part of app/trial.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/caller.h"
#include "app/trial.h"
#include "base/mem.h"
#include "incident/calendar.h"

enum { LONGEST_WHY = 4096 };

/* Says on stderr why nothing is changed. */
static bool say_frozen(const char *why)
{
    struct text TEXT_AUTO line;
    text_init(&line, LONGEST_WHY);
    (void)screen_add(&line, why, 0);
    (void)fprintf(stderr, "runbookd: nothing is changed: %s\n", line.bytes);
    return true;
}

/* By a person's word to the agent that runs with this configuration, or to the holder of its realm's lease. */
static bool is_frozen_by_agent(const struct options *options)
{
    json_t *status = NULL;
    int code = caller_peek(options, "status", CALLER_MS, &status);
    if (code == -ENOENT || code == -ECONNREFUSED)
        return false; /* none runs */
    if (code < 0) {
        MEM_AUTO char *why = mem_print("whether changes are frozen is not known, since the running "
                                       "agent cannot be asked: %s; try as its own user, or as root",
                                       strerror(-code));
        return say_frozen(why);
    }
    const json_t *freeze = json_object_get(status, "freeze");
    if (!json_is_true(json_object_get(freeze, "frozen")))
        freeze = json_object_get(json_object_get(status, "holder"), "freeze");
    bool frozen =
        json_is_true(json_object_get(freeze, "frozen")) && say_frozen(caller_word(freeze, "why"));
    json_decref(status);
    return frozen;
}

static bool is_frozen_by_window(const struct windows *windows)
{
    struct timespec now = {0};
    int64_t until_ms = 0;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct calendars *calendars = calendars_read_once(windows, (int64_t)now.tv_sec * 1000);
    const struct named_window *window =
        windows_freeze(windows, (int64_t)now.tv_sec * 1000, &until_ms);
    bool unknown = window && windows_is_unknown(window);
    MEM_AUTO char *why = window
                             ? mem_print("frozen by the window %s%s%s%s%s",
                                         window->name,
                                         unknown ? ", of which it is not known when it is: " : "",
                                         unknown ? window->when.spans->trouble : "",
                                         window->reason ? ": " : "",
                                         window->reason ? window->reason : "")
                             : NULL;
    calendars_destroy(calendars);
    return why && say_frozen(why);
}

bool trial_is_frozen(const struct options *options, const struct entries *entries)
{
    const char *file = entries->ceiling.freeze_file;
    int status = !file || access(file, F_OK) == 0 ? 0 : -errno;
    if (!file || status == -ENOENT || status == -ENOTDIR)
        return is_frozen_by_window(&entries->ceiling.windows) || is_frozen_by_agent(options);
    MEM_AUTO char *why = status < 0
                             ? mem_print("%s cannot be looked at: %s", file, strerror(-status))
                             : mem_print("frozen by the file %s", file);
    return say_frozen(why);
}
