#include "app/quarantine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "probe/config.h"

enum { WITHIN_MS = 10 * 60 * 1000, LIFTED_MS = 24 * 60 * 60 * 1000 };

/* ------------------------------------------------------------ the notes ---- */

/* Of agents of the same user each has its own: told apart by what they are configured by. */
static uint64_t mark_of(const char *const *paths, size_t count)
{
    uint64_t mark = 14695981039346656037u;
    for (size_t i = 0; i < count; i++) {
        MEM_AUTO char *real = realpath(paths[i], NULL);
        for (const char *c = real ? real : paths[i]; *c; c++)
            mark = (mark ^ (unsigned char)*c) * 1099511628211u;
    }
    return mark;
}

/* Where notes go that cannot go into the state: what systemd made for the service, else memory. */
static char *spare_path(const char *const *paths, size_t count)
{
    const char *given = getenv("RUNTIME_DIRECTORY");
    if (given && *given == '/' && !strchr(given, ':'))
        return mem_print("%s/crashes", given);
    return mem_print(
        "/dev/shm/runbookd-%u-%016" PRIx64 ".crashes", (unsigned)geteuid(), mark_of(paths, count));
}

static bool take(struct quarantine *quarantine, char *path, struct error *error)
{
    int count = crash_open(path, quarantine->notes, error);
    if (count < 0) {
        free(path);
        return false;
    }
    quarantine->count = (size_t)count;
    quarantine->path = path;
    return true;
}

static bool take_state(struct quarantine *quarantine, const char *folder, struct error *error)
{
    if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
        (void)error_set(error, -errno, "cannot make %s: %s", folder, strerror(errno));
        return false;
    }
    return take(quarantine, mem_print("%s/crashes", folder), error);
}

static int64_t now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void quarantine_open(struct quarantine *quarantine, const char *const *paths, size_t count)
{
    struct error error = {0}, worse = {0};
    MEM_AUTO char *folder = NULL;
    MEM_AUTO char *role = NULL;
    *quarantine = (struct quarantine){.wall_ms = now_ms()};
    config_peek(paths, count, &folder, &role, NULL);
    bool named = folder && *folder == '/';
    if (named && take_state(quarantine, folder, &error))
        return;
    if (!take(quarantine, spare_path(paths, count), &worse))
        quarantine->trouble = mem_print("a plugin that crashes the agent again and again cannot be "
                                        "set aside, since nothing can be noted: %s",
                                        worse.message);
    else if (named)
        quarantine->trouble = mem_print("crashes of plugins are noted in %s, since agent.state "
                                        "cannot be written: %s",
                                        quarantine->path,
                                        error.message);
}

void quarantine_close(struct quarantine *quarantine)
{
    crash_close();
    free(quarantine->path);
    free(quarantine->trouble);
}

/* ---------------------------------------------------------- the verdict ---- */

/* The words of a note: "postgres run 182320.1700000000". */
static bool is_of(const struct crash_note *note, const char *name, const char *phase,
                  const char *identity)
{
    MEM_AUTO char *text = mem_print("%s %s %s", name, phase, identity);
    return strcmp(note->who.text, text) == 0;
}

/* The crashes of a plugin's present file, the newest first. */
struct record {
    const struct crash_note *all[CRASH_NOTES];
    size_t count;
    bool in_loading; /* the newest of them, or one of those that decide */
};

static void look_up(const struct quarantine *quarantine, const char *name, const char *identity,
                    struct record *record)
{
    *record = (struct record){.count = 0};
    for (size_t i = quarantine->count; i-- > 0;) {
        const struct crash_note *note = &quarantine->notes[i];
        bool loading = is_of(note, name, "load", identity);
        if (!loading && !is_of(note, name, "run", identity))
            continue;
        record->in_loading |= loading && record->count < QUARANTINE_CRASHES;
        record->all[record->count++] = note;
    }
}

/* Three in a row within the time; those before the last ones decide too, until a day is over. */
static const struct crash_note *third_of(const struct quarantine *quarantine,
                                         const struct record *record)
{
    for (size_t i = 0; i + QUARANTINE_CRASHES <= record->count; i++) {
        const struct crash_note *last = record->all[i];
        const struct crash_note *first = record->all[i + QUARANTINE_CRASHES - 1];
        if (quarantine->wall_ms - last->wall_ms > LIFTED_MS)
            return NULL;
        if (last->wall_ms - first->wall_ms <= WITHIN_MS)
            return last;
    }
    return NULL;
}

struct plugin_charge quarantine_judge(const char *name, const char *identity, void *data)
{
    const struct quarantine *quarantine = data;
    struct record record;
    char when[UNITS_TIME_LEN];
    look_up(quarantine, name, identity, &record);
    const struct crash_note *third = third_of(quarantine, &record);
    if (!third)
        return (struct plugin_charge){0};
    units_print_time(third->wall_ms, when);
    return (struct plugin_charge){
        .why = mem_print("the plugin %s is set aside: it made the agent crash %d times within ten "
                         "minutes, the last time at %s (%s)",
                         name,
                         QUARANTINE_CRASHES,
                         when,
                         crash_signal_name(third->signal)),
        .hint = mem_print("put a mended %s.so in its place, or remove %s, and start the agent "
                          "again; a day after the crash a start tries it once more",
                          name,
                          quarantine->path),
        .in_loading = record.in_loading,
    };
}

/* Lua cannot be held to its slice in all that it does: once is enough. */
char *quarantine_judge_script(const char *name, const char *digest, void *data)
{
    const struct quarantine *quarantine = data;
    char when[UNITS_TIME_LEN];
    for (size_t i = quarantine->count; i-- > 0;) {
        const struct crash_note *note = &quarantine->notes[i];
        if (!is_of(note, name, "script", digest) || quarantine->wall_ms - note->wall_ms > LIFTED_MS)
            continue;
        units_print_time(note->wall_ms, when);
        return mem_print(
            "the script %s is set aside: the agent ended in it at %s (%s); change it, or "
            "remove %s, and start the agent again",
            name,
            when,
            crash_signal_name(note->signal),
            quarantine->path);
    }
    return NULL;
}

/* --------------------------------------------------------------- saying ---- */

static void say(struct bus *bus, int64_t wall_ms, enum log_level level, const char *step,
                const char *message)
{
    if (level == LOG_ERROR)
        log_error("%s", message);
    else
        log_warn("%s", message);
    (void)event_emit_agent(bus, level, step, message, wall_ms, NULL, NULL);
}

/* That the run before this one ended by a crash, and whose, while it does not weigh three times. */
static void say_last(const struct quarantine *quarantine, const struct plugins *plugins,
                     struct bus *bus, int64_t wall_ms)
{
    if (quarantine->count == 0)
        return;
    const struct crash_note *last = &quarantine->notes[quarantine->count - 1];
    size_t len = strcspn(last->who.text, " ");
    MEM_AUTO char *name = mem_copy_n(last->who.text, len);
    const struct plugin *plugin = plugin_find(plugins, name);
    if (quarantine->wall_ms - last->wall_ms > WITHIN_MS || (plugin && plugin->aside))
        return;
    if (strncmp(last->who.text + len, " script ", strlen(" script ")) == 0) {
        MEM_AUTO char *aside = mem_print(
            "the agent ended %" PRId64 " s ago in the script %s (%s), which is set aside until it "
            "has changed",
            (quarantine->wall_ms - last->wall_ms) / 1000,
            name,
            crash_signal_name(last->signal));
        say(bus, wall_ms, LOG_ERROR, "script_set_aside", aside);
        return;
    }
    MEM_AUTO char *message = mem_print("the agent crashed %" PRId64
                                       " s ago in the plugin %s (%s); after %d crashes within ten "
                                       "minutes the plugin is set aside",
                                       (quarantine->wall_ms - last->wall_ms) / 1000,
                                       name,
                                       crash_signal_name(last->signal),
                                       QUARANTINE_CRASHES);
    say(bus, wall_ms, LOG_WARN, "plugin_crashed", message);
}

void quarantine_say(const struct quarantine *quarantine, const struct plugins *plugins,
                    struct bus *bus, int64_t wall_ms)
{
    if (quarantine->trouble)
        say(bus, wall_ms, LOG_WARN, "crashes_elsewhere", quarantine->trouble);
    say_last(quarantine, plugins, bus, wall_ms);
    for (size_t i = 0; i < plugins->count; i++) {
        const struct plugin *plugin = plugins->all[i];
        if (!plugin->aside)
            continue;
        MEM_AUTO char *message = mem_print("%s; %s", plugin->aside, plugin->hint);
        say(bus, wall_ms, LOG_ERROR, "plugin_set_aside", message);
    }
}
