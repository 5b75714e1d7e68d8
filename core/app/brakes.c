#include "app/brakes.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "io/loop.h"
#include "probe/event.h"

static int64_t now_of(const struct brakes *brakes)
{
    return loop_wall_ms(brakes->schedule->loop);
}

static void write_who(struct writer *writer, void *data)
{
    if (!data)
        return;
    writer_string(writer, "who", data);
    writer_string(writer, "proof", "peercred");
    writer_string(writer, "from", "socket");
}

void brakes_say(struct brakes *brakes, const char *step, const char *who, const char *message)
{
    const struct audit_line line = {step, message, write_who, (void *)who};
    if (brakes->audit)
        audit_add(brakes->audit, &line, NULL, NULL);
    log_info("%s", message);
    (void)event_emit_agent(brakes->bus, LOG_INFO, step, message, now_of(brakes), NULL, NULL);
}

/* -------------------------------------------------------------- silences ---- */

static const struct windows *silence_windows(const struct brakes *brakes)
{
    return brakes->entries ? &brakes->entries->silences : NULL;
}

static const struct silence *find_silence(struct brakes *brakes, const struct duty *duty,
                                          const struct silence_matter *matter,
                                          enum probe_status status)
{
    const struct silence *silence = silences_find(brakes->silences, matter, now_of(brakes));
    if (silence || !duty)
        return silence;
    const struct foreign *foreign = alertmanager_find(
        brakes->alertmanager,
        &(const struct alertmanager_matter){.check = duty->config->check->full_name,
                                            .target = matter->target,
                                            .name = matter->name,
                                            .subject = matter->subject,
                                            .labels = matter->labels,
                                            .more_labels = matter->more_labels,
                                            .status = status,
                                            .of_node = duty->target->config->where == PROBE_NODE});
    return foreign ? &foreign->face : NULL;
}

bool brakes_silence_of(struct brakes *brakes, const struct duty *duty, const char *subject,
                       const char *const *labels, enum probe_status status,
                       struct brakes_silence *ret_silence)
{
    const struct silence_matter matter = {
        .target = duty->target->config->name,
        .name = duty->config->name,
        .subject = subject,
        .check = duty->config->check->full_name,
        .labels = duty->config->labels,
        .more_labels = labels,
        .of_node = duty->target->config->where == PROBE_NODE,
    };
    const struct silence *silence = find_silence(brakes, duty, &matter, status);
    if (silence) {
        *ret_silence =
            (struct brakes_silence){silence->id, silence->who, silence->reason, silence->until_ms};
        return true;
    }
    const struct named_window *window =
        windows_silence(silence_windows(brakes), &matter, false, now_of(brakes));
    if (window)
        *ret_silence = (struct brakes_silence){.id = window->name, .reason = window->reason};
    return window != NULL;
}

static const char *on_finding(const struct duty *duty, const struct finding *finding,
                              enum probe_status status, void *data)
{
    struct brakes_silence silence;
    const char *const *labels = (const char *const *)finding->labels;
    return brakes_silence_of(data, duty, finding->subject, labels, status, &silence) ? silence.id
                                                                                     : NULL;
}

static const struct target *find_target(const struct schedule *schedule, const char *name)
{
    const struct target *each;
    list_for_each(each, &schedule->targets, const struct target, link) {
        if (strcmp(each->config->name, name) == 0)
            return each;
    }
    return NULL;
}

static const struct duty *find_duty(const struct target *target, const char *name)
{
    for (size_t i = 0; target && name && i < target->duty_count; i++)
        if (strcmp(target->duties[i].config->name, name) == 0)
            return &target->duties[i];
    return NULL;
}

/* The maintenance window that keeps remediations back, or NULL. */
static const char *silencing_window(struct brakes *brakes, const struct silence_matter *matter)
{
    const struct named_window *window =
        windows_silence(silence_windows(brakes), matter, true, now_of(brakes));
    if (!window)
        return NULL;
    (void)snprintf(brakes->said,
                   sizeof(brakes->said),
                   "window %s%s%s",
                   window->name,
                   window->reason ? ": " : "",
                   window->reason ? window->reason : "");
    return brakes->said;
}

const char *brakes_silenced(const char *target, const char *name, const char *subject, void *data)
{
    struct brakes *brakes = data;
    const struct target *live = find_target(brakes->schedule, target);
    const struct duty *duty = find_duty(live, name);
    const struct silence_matter matter = {
        .target = target,
        .name = name,
        .subject = subject,
        .check = duty ? duty->config->check->full_name : NULL,
        .labels = duty ? duty->config->labels : NULL,
        .of_node = live && live->config->where == PROBE_NODE,
    };
    const struct silence *silence = find_silence(brakes, duty, &matter, PROBE_GRADED);
    if (!silence)
        return silencing_window(brakes, &matter);
    (void)snprintf(brakes->said,
                   sizeof(brakes->said),
                   "silence %s by %s%s%s",
                   silence->id,
                   silence->who,
                   silence->reason ? ": " : "",
                   silence->reason ? silence->reason : "");
    return brakes->said;
}

/* ---------------------------------------------------------------- freeze ---- */

const char *brakes_frozen(void *data)
{
    struct brakes *brakes = data;
    return freeze_why(brakes->freeze);
}

static void on_freeze(const char *why, void *data)
{
    struct brakes *brakes = data;
    MEM_AUTO char *message = mem_print("nothing is changed: %s", why ? why : "");
    brakes_say(brakes,
               why ? "frozen" : "thawed",
               brakes->by,
               why ? message : "the freeze has ended: what the guard allows may be changed again");
}

/* A window may begin or end by what a calendar says now. */
static void on_calendar(const struct named_window *window, const char *why, void *data)
{
    struct brakes *brakes = data;
    MEM_AUTO char *message =
        mem_print("it is not known when window %s is: %s", window->name, why ? why : "");
    if (why)
        brakes_say(brakes, "calendar_unread", NULL, message);
    if (brakes->entries)
        freeze_use_windows(brakes->freeze, &brakes->entries->ceiling.windows);
}

/* ----------------------------------------------------------------- locks ---- */

const char *brakes_locked(const char *target, void *data)
{
    struct brakes *brakes = data;
    char since[UNITS_TIME_LEN];
    const struct lock *lock = locks_find(brakes->locks, target);
    if (!lock)
        return NULL;
    units_print_time(lock->since_ms, since);
    (void)snprintf(brakes->locked,
                   sizeof(brakes->locked),
                   "the evidence of %s is kept, by %s since %.10s %.5s UTC%s%s",
                   target,
                   lock->who,
                   since,
                   since + 11,
                   lock->reason ? ": " : "",
                   lock->reason ? lock->reason : "");
    return brakes->locked;
}

bool brakes_set_lock(struct brakes *brakes, const char *target, const char *who, const char *reason,
                     memo_done_fn *fn, void *data)
{
    const struct lock like = {target, who, reason, now_of(brakes), brakes_shares(brakes, target)};
    bool is_new = !locks_find(brakes->locks, target);
    MEM_AUTO char *message = mem_print("the evidence of %s is kept: locked by %s%s%s",
                                       target,
                                       who,
                                       reason ? ": " : "",
                                       reason ? reason : "");
    if (!locks_set(brakes->locks, &like, fn, data))
        return false;
    if (is_new)
        brakes_say(brakes, "locked", who, message);
    return true;
}

void brakes_lock(const char *target, const char *who, const char *reason, void *data)
{
    struct brakes *brakes = data;
    if (!locks_find(brakes->locks, target) &&
        !brakes_set_lock(brakes, target, who, reason, NULL, NULL))
        log_error("%s cannot be locked: there are %d locks already", target, (int)LOCK_MOST);
}

/* ------------------------------------------------------------------ acks ---- */

/* What is ok again needs nobody who looks after it. */
static void on_event(const struct event *event, void *data)
{
    struct brakes *brakes = data;
    if (event->kind == EVENT_FINDING && event->finding->report->status == PROBE_OK)
        acks_end(brakes->acks, event->id);
}

/* ------------------------------------------------------------- the realm ---- */

bool brakes_shares(const struct brakes *brakes, const char *target)
{
    const struct target *each;
    list_for_each(each, &brakes->schedule->targets, const struct target, link) {
        if (each->config->where == PROBE_CLUSTER &&
            (!target || fnmatch(target, each->config->name, FNM_NOESCAPE) == 0))
            return memo_shares(brakes->memo);
    }
    return false;
}

void brakes_take(struct brakes *brakes, const char *kind, const json_t *all)
{
    if (strcmp(kind, "silence") == 0)
        silences_take(brakes->silences, all, now_of(brakes));
    else if (strcmp(kind, "lock") == 0)
        locks_take(brakes->locks, all, now_of(brakes));
    else if (strcmp(kind, "ack") == 0)
        acks_take(brakes->acks, all);
}

/* ----------------------------------------------------------- open, close ---- */

/* One place for all of them: who ends it there has ended it. */
static void on_ended_elsewhere(const char *id, void *data)
{
    struct brakes *brakes = data;
    MEM_AUTO char *message = mem_print("silence %s was ended in Alertmanager", id);
    (void)silences_end(brakes->silences, id, now_of(brakes), NULL, NULL);
    brakes_say(brakes, "silence_ended", NULL, message);
}

void brakes_open(struct brakes *brakes, struct schedule *schedule, struct store *store,
                 const struct event_speaker *speaker)
{
    struct error error;
    *brakes = (struct brakes){.schedule = schedule, .bus = schedule->bus};
    brakes->memo = memo_open(store, &error);
    if (!brakes->memo) {
        log_error("%s: silences and freezes are not kept", error.message);
        brakes->memo = memo_open(NULL, &error);
    }
    brakes->silences = silences_create(brakes->memo);
    brakes->freeze = freeze_create(schedule->loop, brakes->memo);
    brakes->acks = acks_create(brakes->memo);
    brakes->locks = locks_create(brakes->memo);
    brakes->spent = spent_create(brakes->memo);
    if (speaker)
        brakes->alertmanager =
            alertmanager_open(&(const struct alertmanager_wish){.loop = schedule->loop,
                                                                .bus = schedule->bus,
                                                                .speaker = speaker,
                                                                .silences = brakes->silences,
                                                                .ended = on_ended_elsewhere,
                                                                .data = brakes});
    freeze_tell(brakes->freeze, on_freeze, brakes);
    schedule->silence = (struct schedule_silence){on_finding, brakes};
    bus_subscribe(schedule->bus, on_event, brakes);
}

void brakes_use(struct brakes *brakes, struct config *config, struct entries *entries)
{
    struct entries *old = brakes->entries;
    static const char *const path[] = {"guard", "freeze", "file", NULL};
    const struct node *node = config->root;
    for (const char *const *key = path; node && *key; key++)
        node = node->kind == NODE_MAP ? node_find(node, *key) : NULL;
    calendars_destroy(brakes->calendars);
    brakes->entries = entries ? entries_hold(entries) : NULL;
    brakes->calendars = calendars_create(brakes->schedule->loop,
                                         entries ? &entries->ceiling.windows : NULL,
                                         entries ? &entries->silences : NULL,
                                         on_calendar,
                                         brakes);
    alertmanager_use(brakes->alertmanager, config);
    freeze_watch(brakes->freeze, node && node->kind == NODE_TEXT ? node->text : NULL);
    freeze_use_windows(brakes->freeze, entries ? &entries->ceiling.windows : NULL);
    entries_release(old);
}

void brakes_close(struct brakes *brakes)
{
    if (!brakes->memo)
        return;
    bus_unsubscribe(brakes->bus, on_event, brakes);
    alertmanager_close(brakes->alertmanager);
    acks_destroy(brakes->acks);
    locks_destroy(brakes->locks);
    spent_destroy(brakes->spent);
    calendars_destroy(brakes->calendars);
    freeze_destroy(brakes->freeze);
    silences_destroy(brakes->silences);
    entries_release(brakes->entries);
    memo_close(brakes->memo);
    *brakes = (struct brakes){.schedule = NULL};
}
