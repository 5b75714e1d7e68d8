/* desk_brakes - silence, freeze, thaw, ack: part of app/desk. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/desk_parts.h"
#include "base/units.h"
#include "io/loop.h"
#include "probe/event.h"

enum { LONGEST_REASON = 400, LONGEST_NAME = 64, WHO_LEN = 160 };

/* An answer that waits until what was said is on disk. */
struct pledge {
    struct control_call *call;
    struct text text;
    struct writer writer;
    unsigned open; /* answers that it waits for */
};

static struct pledge *pledge_new(struct control_call *call)
{
    struct pledge *pledge = mem_new(sizeof(*pledge));
    pledge->call = call;
    pledge->open = 1;
    desk_begin(&pledge->text, &pledge->writer);
    return pledge;
}

static void settle(struct pledge *pledge)
{
    if (--pledge->open)
        return;
    desk_end(pledge->call, &pledge->text, &pledge->writer);
    text_finish(&pledge->text);
    free(pledge);
}

/* Alertmanager has it, or will be told again. */
static void on_shared(const char *why, void *data)
{
    struct pledge *pledge = data;
    writer_bool(&pledge->writer, "shared", !why);
    if (why)
        writer_string(&pledge->writer, "not_shared", why);
    settle(pledge);
}

/* It holds in any case; whether it outlives the process is part of the answer. */
static void on_kept(int status, void *data)
{
    struct pledge *pledge = data;
    bool here = status == 0 || status == -EREMOTEIO;
    const char *why = here                 ? "the lease's store has not taken it (yet)"
                      : status == -ENOTSUP ? "there is no agent.state: it ends with the agent"
                                           : strerror(-status);
    writer_bool(&pledge->writer, "kept", here);
    if (status < 0)
        writer_string(&pledge->writer, here ? "not_handed_over" : "not_kept", why);
    settle(pledge);
}

/* "uid 1000": what the kernel says of who asks; "uid 1000 at n2/ab12cd34": ... to another agent. */
static void print_uid(const struct control_request *request, char *out, size_t room)
{
    (void)snprintf(out,
                   room,
                   "uid %u%s%s",
                   (unsigned)request->uid,
                   request->from ? " at " : "",
                   request->from ? request->from : "");
}

static const char *who_of(const struct control_request *request, char out[WHO_LEN])
{
    print_uid(request, out, WHO_LEN);
    return out;
}

/* "alice (uid 1000)": what somebody wants to be called, with what the kernel says; without a name that alone. */
static const char *name_of(const struct control_request *request, char out[WHO_LEN])
{
    const char *as = desk_word(request, "as");
    char known[WHO_LEN - LONGEST_NAME];
    struct text TEXT_AUTO plain;
    text_init(&plain, LONGEST_NAME);
    if (as && *as)
        text_add_plain(&plain, as, strlen(as));
    print_uid(request, known, sizeof(known));
    (void)snprintf(
        out, WHO_LEN, "%s%s%s%s", plain.bytes, plain.len ? " (" : "", known, plain.len ? ")" : "");
    return out;
}

/* A reason of the request: one line, safe on a terminal; NULL: none.  To be freed. */
static char *reason_of(const struct control_request *request)
{
    const char *reason = desk_word(request, "reason");
    struct text TEXT_AUTO plain;
    text_init(&plain, LONGEST_REASON);
    if (reason && *reason)
        text_add_plain(&plain, reason, strlen(reason));
    return plain.len ? text_take(&plain) : NULL;
}

/* -------------------------------------------------------------- silences ---- */

/* "db/checks[subject]" in its three parts, each within `what`; what is not there is NULL. */
static void split(char *what, struct silence_wish *wish)
{
    char *open = strchr(what, '[');
    size_t len = strlen(what);
    if (open && what[len - 1] == ']') {
        what[len - 1] = *open = '\0';
        wish->subject = open + 1;
    }
    char *slash = strchr(what, '/');
    if (slash) {
        *slash = '\0';
        wish->name = slash + 1;
    }
    wish->target = *what ? what : NULL;
}

static void take_labels(const struct control_request *request, struct silence_wish *wish)
{
    json_t *labels = json_object_get(request->args, "labels");
    const char *name;
    json_t *value;
    json_object_foreach(labels, name, value) {
        if (!json_is_string(value) || wish->label_count == SILENCE_MOST_LABELS)
            continue;
        wish->labels[2 * wish->label_count] = name;
        wish->labels[2 * wish->label_count++ + 1] = json_string_value(value);
    }
}

/* How many findings a silence fits at present, so that a misspelt one is seen. */
struct fitting {
    struct desk *desk;
    const struct duty *duty;
    const struct silence *silence;
    size_t count;
};

static void count_entry(const struct ledger_view *view, void *data)
{
    struct fitting *fitting = data;
    const struct last *last = view->attached;
    const char *const *labels = last ? (const char *const *)last->finding->labels : NULL;
    if (silence_fits(fitting->silence,
                     &(const struct silence_matter){
                         .target = fitting->duty->target->config->name,
                         .name = fitting->duty->config->name,
                         .subject = view->subject,
                         .labels = fitting->duty->config->labels,
                         .more_labels = labels,
                         .of_node = fitting->duty->target->config->where == PROBE_NODE,
                     }))
        fitting->count++;
}

static void count_duty(const struct duty *duty, void *data)
{
    struct fitting *fitting = data;
    fitting->duty = duty;
    ledger_each(duty->target->schedule->ledger,
                duty->target->config->name,
                duty->config->name,
                desk_clock(fitting->desk),
                count_entry,
                fitting);
}

static void say_silence(struct brakes *brakes, const struct silence *silence)
{
    struct text TEXT_AUTO about;
    char until[UNITS_TIME_LEN];
    text_init(&about, 4096);
    silence_print(silence, &about);
    units_print_time(silence->until_ms, until);
    MEM_AUTO char *message = mem_print("silence %s of %s until %s by %s%s%s",
                                       silence->id,
                                       about.bytes,
                                       until,
                                       silence->who,
                                       silence->reason ? ": " : "",
                                       silence->reason ? silence->reason : "");
    brakes_say(brakes, "silenced", silence->who, message);
}

void desk_silence(struct desk *desk, struct control_call *call,
                  const struct control_request *request)
{
    struct brakes *brakes = desk->parts.brakes;
    MEM_AUTO char *what = mem_copy(desk_word(request, "what"));
    MEM_AUTO char *reason = reason_of(request);
    char who[WHO_LEN];
    struct error error;
    struct silence_wish wish = {
        .who = who_of(request, who),
        .reason = reason,
        .for_ms = json_integer_value(json_object_get(request->args, "for_ms")),
    };
    if (what)
        split(what, &wish);
    take_labels(request, &wish);
    wish.shared = brakes_shares(brakes, wish.target);
    const struct silence *silence =
        silences_add(brakes->silences, &wish, desk_clock(desk).wall_ms, &error);
    if (!silence) {
        control_refuse(call, "runbookd silence --help", "%s", error.message);
        return;
    }
    struct pledge *pledge = pledge_new(call);
    struct fitting fitting = {.desk = desk, .silence = silence};
    (void)desk_each_duty(desk, NULL, count_duty, &fitting);
    silence_write(silence, &pledge->writer);
    writer_int(&pledge->writer, "fits", (int64_t)fitting.count);
    say_silence(brakes, silence);
    pledge->open += alertmanager_put(brakes->alertmanager, silence, on_shared, pledge);
    silences_keep(brakes->silences, silence, on_kept, pledge);
}

static void write_silence(const struct silence *silence, void *data)
{
    struct writer *writer = data;
    writer_object(writer, NULL);
    silence_write(silence, writer);
    writer_end(writer);
}

static void write_foreign(const struct foreign *foreign, void *data)
{
    struct writer *writer = data;
    writer_object(writer, NULL);
    foreign_write(foreign, writer);
    writer_end(writer);
}

void desk_silences(struct desk *desk, struct control_call *call,
                   const struct control_request *request)
{
    struct text TEXT_AUTO text;
    struct writer writer;
    (void)request;
    desk_begin(&text, &writer);
    writer_time(&writer, "time", desk_clock(desk).wall_ms);
    writer_array(&writer, "silences");
    silences_each(desk->parts.brakes->silences, desk_clock(desk).wall_ms, write_silence, &writer);
    alertmanager_each(desk->parts.brakes->alertmanager, write_foreign, &writer);
    writer_end(&writer);
    const struct entries *entries = desk->parts.brakes->entries;
    writer_array(&writer, "windows");
    windows_write(entries ? &entries->silences : NULL, desk_clock(desk).wall_ms, &writer);
    writer_end(&writer);
    desk_end(call, &text, &writer);
}

static void find_newest(const struct silence *silence, void *data)
{
    const char **newest = data;
    *newest = silence->id;
}

/* One of Alertmanager's own, by the first digits of its id. */
static bool end_foreign(struct brakes *brakes, struct control_call *call, const char *id,
                        const char *who)
{
    const struct foreign *foreign = id ? alertmanager_get(brakes->alertmanager, id) : NULL;
    if (!foreign)
        return false;
    MEM_AUTO char *message =
        mem_print("silence %s of Alertmanager was ended by %s", foreign->face.id, who);
    struct pledge *pledge = pledge_new(call);
    writer_string(&pledge->writer, "ended", foreign->face.id);
    writer_bool(&pledge->writer, "kept", true);
    brakes_say(brakes, "silence_ended", who, message);
    (void)alertmanager_end(brakes->alertmanager, foreign->uuid, on_shared, pledge);
    return true;
}

static void end_own(struct brakes *brakes, struct control_call *call, const struct silence *silence,
                    const char *who, int64_t now_ms)
{
    MEM_AUTO char *message = mem_print("silence %s was ended by %s", silence->id, who);
    struct pledge *pledge = pledge_new(call);
    writer_string(&pledge->writer, "ended", silence->id);
    brakes_say(brakes, "silence_ended", who, message);
    if (silence->elsewhere)
        pledge->open +=
            alertmanager_end(brakes->alertmanager, silence->elsewhere, on_shared, pledge);
    (void)silences_end(brakes->silences, silence->id, now_ms, on_kept, pledge);
}

void desk_silence_end(struct desk *desk, struct control_call *call,
                      const struct control_request *request)
{
    struct brakes *brakes = desk->parts.brakes;
    const char *id = desk_word(request, "id");
    int64_t now_ms = desk_clock(desk).wall_ms;
    const struct silence *silence = id ? silences_get(brakes->silences, id, now_ms) : NULL;
    const char *newest = NULL;
    char who[WHO_LEN];
    if (silence) {
        end_own(brakes, call, silence, who_of(request, who), now_ms);
        return;
    }
    if (end_foreign(brakes, call, id, who_of(request, who)))
        return;
    silences_each(brakes->silences, now_ms, find_newest, &newest);
    MEM_AUTO char *hint = newest ? mem_print("the newest is %s", newest) : NULL;
    control_refuse(
        call, hint ? hint : "there is none at all", "no silence \"%.40s\" holds", id ? id : "");
}

/* ---------------------------------------------------------------- freeze ---- */

void desk_freeze(struct desk *desk, struct control_call *call,
                 const struct control_request *request)
{
    struct brakes *brakes = desk->parts.brakes;
    MEM_AUTO char *reason = reason_of(request);
    int64_t for_ms = json_integer_value(json_object_get(request->args, "for_ms"));
    char who[WHO_LEN];
    if (for_ms < 0 || for_ms > SILENCE_LONGEST_MS) {
        control_refuse(call,
                       "without --for it holds until somebody thaws",
                       "a freeze for a time "
                       "holds 31 days at most");
        return;
    }
    struct pledge *pledge = pledge_new(call);
    brakes->by = who_of(request, who);
    freeze_set(brakes->freeze, who, reason, for_ms);
    brakes->by = NULL;
    freeze_write(brakes->freeze, &pledge->writer);
    freeze_keep(brakes->freeze, on_kept, pledge);
}

void desk_thaw(struct desk *desk, struct control_call *call, const struct control_request *request)
{
    struct brakes *brakes = desk->parts.brakes;
    char who[WHO_LEN];
    if (!freeze_is_set(brakes->freeze)) {
        const char *why = freeze_why(brakes->freeze);
        control_refuse(call,
                       why ? "remove the file, or take file or window out of guard.freeze" : NULL,
                       "%s%s",
                       why ? "nobody has set the switch; " : "nothing is frozen",
                       why ? why : "");
        return;
    }
    struct pledge *pledge = pledge_new(call);
    brakes->by = who_of(request, who);
    freeze_unset(brakes->freeze);
    brakes->by = NULL;
    freeze_write(brakes->freeze, &pledge->writer);
    freeze_keep(brakes->freeze, on_kept, pledge);
}

/* ----------------------------------------------------------------- locks ---- */

static bool has_target(const struct desk *desk, const char *name)
{
    const struct config *config = desk->parts.session->config;
    for (size_t i = 0; name && i < config->target_count; i++)
        if (strcmp(config->targets[i].name, name) == 0)
            return true;
    return false;
}

void desk_lock(struct desk *desk, struct control_call *call, const struct control_request *request)
{
    struct brakes *brakes = desk->parts.brakes;
    MEM_AUTO char *reason = reason_of(request);
    const char *target = desk_word(request, "target");
    char who[WHO_LEN];
    if (!has_target(desk, target)) {
        desk_refuse_name(desk, call, target ? target : "");
        return;
    }
    struct pledge *pledge = pledge_new(call);
    writer_string(&pledge->writer, "target", target);
    writer_string(&pledge->writer, "who", name_of(request, who));
    if (brakes_set_lock(brakes, target, who, reason, on_kept, pledge))
        return;
    text_finish(&pledge->text);
    free(pledge);
    control_refuse(call, NULL, "there are %d locks already", (int)LOCK_MOST);
}

void desk_unlock(struct desk *desk, struct control_call *call, const char *target, const char *who)
{
    struct brakes *brakes = desk->parts.brakes;
    if (!locks_find(brakes->locks, target)) {
        control_refuse(call, "runbookd status lists locks", "%.100s is not locked", target);
        return;
    }
    struct pledge *pledge = pledge_new(call);
    MEM_AUTO char *message =
        mem_print("the evidence of %s is no longer kept: lifted by %s", target, who);
    writer_string(&pledge->writer, "target", target);
    writer_string(&pledge->writer, "who", who);
    brakes_say(brakes, "unlocked", who, message);
    locks_lift(brakes->locks, target, desk_clock(desk).wall_ms, on_kept, pledge);
}

/* ------------------------------------------------------------------- ack ---- */

/* The worst of the findings that were named. */
struct ack_sought {
    char id[EVENT_ID_LEN];
    enum probe_status status;
    bool of_cluster;
};

static void take_worst(const struct desk_row *row, void *data)
{
    struct ack_sought *worst = data;
    if (desk_rank(row->view->status) >= desk_rank(worst->status))
        return;
    worst->status = row->view->status;
    worst->of_cluster = row->duty->target->config->where == PROBE_CLUSTER;
    desk_row_id(row, worst->id);
}

static void say_ack(struct brakes *brakes, const char *what, const char *who, const char *reason)
{
    MEM_AUTO char *message = mem_print(
        "%.300s is acknowledged by %s%s%s", what, who, reason ? ": " : "", reason ? reason : "");
    brakes_say(brakes, "acknowledged", who, message);
}

static void ack_plan(struct desk *desk, struct control_call *call,
                     const struct control_request *request, const char *id)
{
    MEM_AUTO char *reason = reason_of(request);
    struct error error;
    struct text TEXT_AUTO text;
    struct writer writer;
    char who[WHO_LEN];
    const struct remediation_decision said = {.plan = id,
                                              .who = name_of(request, who),
                                              .proof = "peercred",
                                              .from = "socket",
                                              .reason = reason};
    *error.hint = '\0';
    text_init(&text, 0);
    if (remediations_acknowledge(desk->parts.remediations, &said, &error) < 0) {
        control_refuse(call, *error.hint ? error.hint : NULL, "%s", error.message);
        return;
    }
    desk_begin(&text, &writer);
    writer_string(&writer, "plan", id);
    writer_string(&writer, "what", id);
    writer_string(&writer, "acked_by", who);
    writer_time(&writer, "at", desk_clock(desk).wall_ms);
    desk_end(call, &text, &writer);
}

void desk_ack(struct desk *desk, struct control_call *call, const struct control_request *request)
{
    struct brakes *brakes = desk->parts.brakes;
    MEM_AUTO char *reason = reason_of(request);
    const char *what = desk_word(request, "what");
    struct ack_sought sought = {.status = PROBE_GRADED};
    char who[WHO_LEN];
    if (what && desk->parts.remediations && remediations_plan(desk->parts.remediations, what)) {
        ack_plan(desk, call, request, what);
        return;
    }
    if (!desk_search(desk, call, what, take_worst, &sought))
        return;
    if (sought.status == PROBE_OK || sought.status == PROBE_GRADED) {
        control_refuse(call, NULL, "%.300s is ok: there is nothing to acknowledge", what);
        return;
    }
    if (!acks_room(brakes->acks)) {
        control_refuse(call, NULL, "%d findings are acknowledged already", (int)ACK_MOST);
        return;
    }
    int64_t now_ms = desk_clock(desk).wall_ms;
    struct pledge *pledge = pledge_new(call);
    writer_string(&pledge->writer, "id", sought.id);
    writer_string(&pledge->writer, "what", what);
    writer_string(&pledge->writer, "acked_by", name_of(request, who));
    writer_time(&pledge->writer, "at", now_ms);
    say_ack(brakes, what, who, reason);
    acks_add(brakes->acks,
             &(const struct ack){.id = sought.id,
                                 .who = who,
                                 .reason = reason,
                                 .at_ms = now_ms,
                                 .shared = sought.of_cluster},
             on_kept,
             pledge);
}
