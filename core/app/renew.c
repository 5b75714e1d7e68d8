#include "app/renew.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/difference.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/units.h"
#include "io/child.h"
#include "io/loop.h"
#include "io/notify.h"
#include "probe/event.h"
#include "probe/reload.h"

enum {
    LOOK_EVERY_MS = 3000,
    LOOK_MOST_MS = 5000,
    MOST_TOLD = 16,
    LONGEST_MESSAGE = 512,
    LONGEST_MORE = 256 << 10
};

struct renew {
    struct session *session;
    const struct options *options;
    struct schedule *schedule;
    renew_fn *fn;
    void *data;
    struct life life;
    struct timer due, patience;
    struct {
        renew_told_fn *fn;
        void *data;
    } told[MOST_TOLD]; /* who waits to be told */
    size_t told_count;
    bool asked;         /* it is to be read once it was looked at, changed or not */
    bool slow;          /* the last look did not end; said once */
    size_t next;        /* of the paths, which is looked at */
    uint64_t seen;      /* what the files looked like, in this round ... */
    uint64_t seen_last; /* ... and in the one before; zero: none yet */
};

/* ------------------------------------------------------------- taking over ---- */

static void say(struct renew *renew, enum log_level level, const char *step, const char *message)
{
    event_emit_agent(renew->schedule->bus,
                     level,
                     step,
                     message,
                     loop_wall_ms(renew->schedule->loop),
                     NULL,
                     NULL);
}

static void tell(struct renew *renew, bool taken, const char *message, const char *more)
{
    size_t count = renew->told_count;
    renew->told_count = 0;
    for (size_t i = 0; i < count; i++)
        renew->told[i].fn(taken, message, more, renew->told[i].data);
}

/* What is wrong with a configuration that is not taken over: into the log, one line each. */
static void refuse(struct renew *renew, struct problems *problems)
{
    char message[160];
    size_t errors = problems->errors;
    struct text TEXT_AUTO more;
    text_init(&more, LONGEST_MORE);
    problems_print(problems, &more);
    (void)session_print(problems);
    (void)snprintf(message,
                   sizeof(message),
                   "the changed configuration has %zu error%s: the old one goes on",
                   errors,
                   units_s((int64_t)errors));
    renew->session->errors = errors;
    say(renew, LOG_ERROR, "reload_refused", message);
    tell(renew, false, message, more.bytes);
}

static bool differ(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) != 0 : a != b;
}

/* Whether another target would keep the lease, or keep it elsewhere. */
static bool lease_differs(const struct config *old, const struct config *new)
{
    const struct config_lease *a = &old->agent.lease, *b = &new->agent.lease;
    return (a->target && b->target)
               ? strcmp(a->target->digest, b->target->digest) != 0 ||
                     differ(a->target->name, b->target->name) || a->ttl_ms != b->ttl_ms
               : a->target != b->target;
}

/* What of it waits for the next start, as the end of a sentence; empty: nothing. */
static void add_what_waits(const struct config *old, const struct config *new, struct text *out)
{
    const struct {
        const char *name;
        bool differs;
    } keys[] = {
        {"agent.state", differ(old->agent.state, new->agent.state)},
        {"agent.control", differ(old->agent.control, new->agent.control)},
        {"agent.lease", lease_differs(old, new)},
        {"agent.use_proxies", old->agent.use_proxies != new->agent.use_proxies},
    };
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (keys[i].differs)
            text_print(out, "%s%s", count++ ? ", " : "; ", keys[i].name);
    if (count)
        text_print(out, " %s effect at the next start", count == 1 ? "takes" : "take");
}

static void take_over(struct renew *renew, struct config *config, struct entries *entries,
                      const struct reload_changes *changes)
{
    struct config *old = renew->session->config;
    struct text TEXT_AUTO waits, TEXT_AUTO more, TEXT_AUTO message;
    text_init(&waits, LONGEST_MESSAGE);
    text_init(&message, LONGEST_MESSAGE);
    text_init(&more, LONGEST_MORE);
    add_what_waits(old, config, &waits);
    if (renew->told_count)
        (void)difference_print(old, config, &more);
    struct entries *old_entries = renew->session->entries;
    renew->session->config = config;
    renew->session->entries = entries;
    renew->session->errors = 0;
    renew->session->without = false;
    renew->fn(renew->data); /* the bus speaks with the new digest from here on */
    entries_release(old_entries);
    config_destroy(old);
    text_print(&message,
               "configuration taken over: targets %zu kept, %zu changed, %zu added, %zu removed%s",
               changes->kept,
               changes->changed,
               changes->added,
               changes->removed,
               waits.bytes);
    log_info("%s", message.bytes);
    say(renew, waits.len ? LOG_WARN : LOG_INFO, "reloaded", message.bytes);
    tell(renew, true, message.bytes, more.bytes);
}

static const char *status_of(const struct renew *renew)
{
    return renew->session->errors ? "the configuration is wrong: an earlier one is in force"
                                  : "the configuration is in force";
}

static void read_again(struct renew *renew, const char *why)
{
    struct problems problems = {0};
    struct reload_changes changes;
    const struct options *options = renew->options;

    log_info("%s: reading the configuration again", why);
    notify_reloading(renew->session->notify, loop_now_us(renew->schedule->loop));
    struct entries *entries = NULL;
    struct config *config = session_read(renew->session, options, &problems, &entries);
    if (config && strcmp(config->digest, renew->session->config->digest) == 0) {
        log_info("the configuration says what it said before");
        if (renew->session->errors)
            say(renew, LOG_INFO, "reloaded", "the configuration is right again, and in force");
        renew->session->errors = 0;
        entries_release(entries);
        config_destroy(config);
        problems_finish(&problems);
        tell(renew, true, "the configuration says what it said before", "");
    } else if (config && reload_take(renew->schedule, config, &problems, &changes) == 0) {
        take_over(renew, config, entries, &changes);
        (void)session_print(&problems); /* warnings */
    } else {
        entries_release(entries);
        config_destroy(config);
        refuse(renew, &problems);
    }
    notify_say(renew->session->notify, "READY=1\nSTATUS=%s", status_of(renew));
}

/* ----------------------------------------------------------------- looking ---- */

static void look(struct renew *renew);

static void mix(struct renew *renew, uint64_t value)
{
    renew->seen = (renew->seen ^ value) * 1099511628211u + 1;
}

static void on_due(void *data)
{
    look(data);
}

/* On a mount that does not answer: the process that looks is given up, the loop never touches it. */
static void on_impatient(void *data)
{
    struct renew *renew = data;
    life_drop(&renew->life);
    life_init(&renew->life, renew->schedule->loop);
    renew->next = 0;
    if (!renew->slow || renew->asked) {
        static const char message[] =
            "the configuration's files cannot be looked at, as on a mount "
            "that does not answer: the old one goes on";
        log_error("%s", message);
        say(renew, LOG_ERROR, "reload_refused", message);
        tell(renew, false, message, "");
    }
    renew->slow = true;
    renew->asked = false;
    timer_start(&renew->due, renew->schedule->loop, LOOK_EVERY_MS, on_due, renew);
}

/* All paths were looked at: is anything other than before? */
static void finish_round(struct renew *renew)
{
    bool asked = renew->asked;
    timer_stop(&renew->patience);
    renew->asked = renew->slow = false;
    bool changed = renew->seen_last && renew->seen != renew->seen_last;
    /* A wrong one may have been put right after it was read, and before it was looked at. */
    if (!renew->seen_last && renew->session->errors)
        changed = true;
    renew->seen_last = renew->seen;
    timer_start(&renew->due, renew->schedule->loop, LOOK_EVERY_MS, on_due, renew);
    if (asked || changed)
        read_again(renew, asked ? "asked to" : "a file has changed");
}

static void on_sight(int status, const struct probe_sight *sight, void *data)
{
    struct renew *renew = data;
    if (status == -ECANCELED)
        return;
    mix(renew, (uint64_t)(int64_t)status);
    for (size_t i = 0; status == 0 && i < sight->file_count; i++) {
        const struct probe_file *file = &sight->files[i];
        mix(renew, file->inode);
        mix(renew, (uint64_t)file->modified_ms);
        mix(renew, (uint64_t)file->size_bytes);
    }
    renew->next++;
    look(renew);
}

/* A file, or what is in a folder: each path in turn. */
static void look(struct renew *renew)
{
    size_t path = renew->next / 2;
    if (renew->next == 0) {
        renew->seen = 14695981039346656037u;
        timer_start(&renew->patience, renew->schedule->loop, LOOK_MOST_MS, on_impatient, renew);
    }
    if (path == renew->options->path_count) {
        renew->next = 0;
        finish_round(renew);
        return;
    }
    const char *name = renew->options->paths[path];
    MEM_AUTO char *inside = mem_print("%s/*", name);
    if (renew->next % 2 == 0)
        child_look(&renew->life, PROBE_LOOK_STAT, name, 0, on_sight, renew);
    else
        child_look(&renew->life, PROBE_LOOK_LIST, inside, 0, on_sight, renew);
}

bool renew_ask(struct renew *renew, renew_told_fn *fn, void *data)
{
    if (fn && renew->told_count == MOST_TOLD)
        return false;
    if (fn) {
        renew->told[renew->told_count].fn = fn;
        renew->told[renew->told_count++].data = data;
    }
    renew->asked = true;
    if (timer_pending(&renew->due)) { /* else a round is under way */
        timer_stop(&renew->due);
        look(renew);
    }
    return true;
}

struct renew *renew_create(struct session *session, const struct options *options,
                           struct schedule *schedule, renew_fn *fn, void *data)
{
    struct renew *renew = mem_new(sizeof(*renew));
    *renew = (struct renew){
        .session = session, .options = options, .schedule = schedule, .fn = fn, .data = data};
    life_init(&renew->life, schedule->loop);
    if (options->path_count)
        timer_start(&renew->due, schedule->loop, 0, on_due, renew);
    return renew;
}

void renew_destroy(struct renew *renew)
{
    if (!renew)
        return;
    timer_stop(&renew->due);
    timer_stop(&renew->patience);
    life_drop(&renew->life);
    free(renew);
}
