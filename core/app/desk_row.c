/* desk_row - entries of the ledger as answers have them, and how they are found: part of app/desk. */
#include <string.h>

#include "app/desk_parts.h"
#include "probe/event.h"

enum { MOST_NAMES = 4096 /* that a name which nobody has is held against */ };

const enum probe_status desk_worst_first[DESK_STATUSES] = {
    PROBE_CRITICAL, PROBE_WARNING, PROBE_UNKNOWN, PROBE_OK, PROBE_GRADED};

/* ------------------------------------------------------------- one entry ---- */

struct desk_row desk_row(const struct desk *desk, const struct duty *duty,
                         const struct ledger_view *view)
{
    return (struct desk_row){desk, duty, view, view->attached};
}

static const char *scope_of(const struct config_target *target)
{
    return target->where == PROBE_NODE ? "node" : "cluster";
}

/* "pending" is said of what has no status yet. */
static const char *status_word(enum probe_status status)
{
    return status ? event_status_name(status) : "pending";
}

static void write_message(const struct desk_row *row, struct writer *writer)
{
    const struct last *last = row->last;
    if (!last) {
        writer_string(writer, "message", "as it was before the agent started; not looked at since");
    } else if (row->view->status && last->sample != row->view->status) {
        MEM_AUTO char *message = mem_print("still %s, though the last sample is %s: %s",
                                           event_status_name(row->view->status),
                                           event_status_name(last->sample),
                                           last->finding->summary);
        writer_string(writer, "message", message);
    } else {
        writer_string(writer, "message", last->finding->summary);
    }
}

unsigned desk_rank(enum probe_status status)
{
    unsigned rank = 0;
    while (rank + 1 < DESK_STATUSES && desk_worst_first[rank] != status)
        rank++;
    return rank;
}

void desk_row_id(const struct desk_row *row, char *out)
{
    const struct config_target *target = row->duty->target->config;
    event_id(row->desk->parts.schedule->bus,
             scope_of(target),
             target->name,
             row->duty->config->name,
             row->view->subject,
             out);
}

/* Which silence it is under, and who has acknowledged it. */
static void write_care(const struct desk_row *row, const char *id, struct writer *writer)
{
    struct brakes *brakes = row->desk->parts.brakes;
    const char *const *labels = row->last ? (const char *const *)row->last->finding->labels : NULL;
    const enum probe_status status = row->view->status;
    const struct ack *ack = acks_find(brakes->acks, id);
    struct brakes_silence silence;
    if (brakes_silence_of(brakes, row->duty, row->view->subject, labels, status, &silence)) {
        writer_string(writer, "silenced_by", silence.id);
        if (silence.who)
            writer_string(writer, "silenced_who", silence.who);
        if (silence.until_ms)
            writer_time(writer, "silenced_until", silence.until_ms);
        if (silence.reason)
            writer_string(writer, "silenced_reason", silence.reason);
    }
    if (!ack)
        return;
    writer_string(writer, "acked_by", ack->who);
    writer_time(writer, "acked", ack->at_ms);
    if (ack->reason)
        writer_string(writer, "ack_reason", ack->reason);
}

void desk_write_row(const struct desk_row *row, struct writer *writer)
{
    const struct config_target *target = row->duty->target->config;
    const struct config_check *check = row->duty->config;
    char id[EVENT_ID_LEN];
    desk_row_id(row, id);
    writer_string(writer, "status", status_word(row->view->status));
    writer_string(writer, "target", target->name);
    writer_string(writer, "name", check->name);
    writer_string(writer, "subject", row->view->subject);
    writer_string(writer, "check", check->check->full_name);
    writer_string(writer, "id", id);
    write_message(row, writer);
    if (row->view->since_wall_ms)
        writer_time(writer, "since", row->view->since_wall_ms);
    write_care(row, id, writer);
}

/* --------------------------------------------------------------- finding ---- */

/* Whether "orders-db" or "orders-db/connections" is this duty's; NULL: all are. */
static bool is_of(const struct duty *duty, const char *what)
{
    const char *target = duty->target->config->name;
    size_t len = strlen(target);
    return !what || (strncmp(what, target, len) == 0 &&
                     (what[len] == '\0' ||
                      (what[len] == '/' && strcmp(what + len + 1, duty->config->name) == 0)));
}

size_t desk_each_duty(const struct desk *desk, const char *what,
                      void (*fn)(const struct duty *duty, void *data), void *data)
{
    struct target *target;
    size_t count = 0;
    list_for_each(target, &desk->parts.schedule->targets, struct target, link) {
        for (size_t i = 0; i < target->duty_count; i++) {
            if (!is_of(&target->duties[i], what))
                continue;
            count++;
            if (fn)
                fn(&target->duties[i], data);
        }
    }
    return count;
}

/* What the operator may have meant. */
void desk_refuse_name(const struct desk *desk, struct control_call *call, const char *what)
{
    struct arena *arena = arena_create();
    const char **names MEM_AUTO = mem_array(MOST_NAMES + 1, sizeof(*names));
    size_t count = 0;
    struct target *target;
    list_for_each(target, &desk->parts.schedule->targets, struct target, link) {
        if (count < MOST_NAMES)
            names[count++] = target->config->name;
        for (size_t i = 0; i < target->duty_count && count < MOST_NAMES; i++)
            names[count++] = arena_copy(arena, target->duties[i].label);
    }
    const char *nearest = problem_nearest(what, names);
    MEM_AUTO char *hint = nearest ? mem_print("did you mean %s?", nearest) : NULL;
    control_refuse(call,
                   hint ? hint : "runbookd findings --all names what is watched",
                   "nothing called \"%.200s\" is watched here",
                   what);
    arena_destroy(arena);
}
