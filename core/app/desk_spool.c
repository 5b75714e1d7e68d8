/* desk_spool - what waits for sinks, and what their receivers have refused: part of app/desk. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/desk_parts.h"
#include "base/log.h"
#include "io/loop.h"
#include "io/wait.h"
#include "out/spool.h"
#include "out/view.h"
#include "probe/event.h"

enum {
    MOST_LISTED = 200,
    LISTED_BYTES = 2 << 20,
    MOST_RESENT = 500, /* of one request: what waits in memory is bounded */
    RESENT_BYTES = 512 << 10,
    LONGEST_MESSAGE = 200,
    LOOK_MS = 20,
    SAFE_MS = 5000
};

/* -------------------------------------------------------------- the choice ---- */

/* "all", a number, or a sink's name; false, and it was refused: none of these. */
static bool choose(struct control_call *call, const char *what, struct spool_aside_choice *choice)
{
    char *end = NULL;
    *choice = (struct spool_aside_choice){.most = MOST_LISTED, .bytes = LISTED_BYTES};
    if (!what || strcmp(what, "all") == 0)
        return true;
    unsigned long long number = strtoull(what, &end, 10);
    if (*what >= '0' && *what <= '9' && *end == '\0' && number)
        choice->id = number;
    else
        choice->sink = what;
    if (*what)
        return true;
    control_refuse(call, "runbookd spool list", "name a sink, an id, or all");
    return false;
}

static struct spool *spool_of(struct desk *desk, struct control_call *call)
{
    struct spool *spool = desk->parts.sinks ? sinks_spool(desk->parts.sinks) : NULL;
    if (!spool)
        control_refuse(call,
                       "give agent.state a folder, and a sink a spool",
                       "nothing that was refused is kept: there is no spool");
    return spool;
}

static void refuse_busy(struct control_call *call, int status)
{
    control_refuse(call,
                   "ask again",
                   "the spool cannot be asked: %s",
                   status ? strerror(-status) : "its disk is at work");
}

static void refuse_none(struct control_call *call, const char *what)
{
    control_refuse(call,
                   "runbookd spool list names what there is",
                   "nothing lies aside that %.80s names",
                   what ? what : "this");
}

/* -------------------------------------------------------------------- list ---- */

/* A request while the disk is asked. */
struct asking {
    struct list link;  /* of the desk's */
    struct desk *desk; /* NULL: it has closed, and nobody waits for the answer */
    struct resending *resending;
    struct control_call *call;
    char *what, *who;
    bool whole;     /* the events themselves, too */
    uint64_t after; /* what is sent again lies behind this one */
};

static struct asking *asking_new(struct desk *desk, struct control_call *call,
                                 const struct control_request *request)
{
    struct asking *asking = mem_new(sizeof(*asking));
    asking->desk = desk;
    asking->call = call;
    asking->what = mem_copy(desk_word(request, "what"));
    list_add(&desk->askings, &asking->link);
    asking->who = mem_print("uid %u", (unsigned)request->uid);
    return asking;
}

static void asking_destroy(struct asking *asking)
{
    if (asking->desk)
        list_remove(&asking->link);
    free(asking->what);
    free(asking->who);
    free(asking);
}

static void write_member(struct writer *writer, struct view line, const char *name)
{
    struct text TEXT_AUTO text;
    struct view value = view_member(line, name);
    text_init(&text, LONGEST_MESSAGE);
    if (value.at && view_add_text(value, &text))
        writer_string(writer, name, text.bytes);
}

static void write_refused(const struct spool_aside *aside, bool whole, struct writer *writer)
{
    const struct view line = {aside->line, aside->len};
    writer_object(writer, NULL);
    writer_int(writer, "id", (int64_t)aside->id);
    writer_string(writer, "sink", aside->sink);
    writer_time(writer, "refused", aside->wall_ms);
    writer_string(writer, "why", aside->why);
    write_member(writer, line, "time");
    write_member(writer, line, "kind");
    write_member(writer, line, "message");
    if (whole)
        writer_string(writer, "event", aside->line);
    writer_end(writer);
}

static void write_sink(const char *name, const struct sink_counts *counts, void *data)
{
    struct writer *writer = data;
    writer_object(writer, NULL);
    writer_string(writer, "sink", name);
    writer_bool(writer, "down", counts->down);
    writer_int(writer, "waiting", (int64_t)counts->waiting);
    writer_int(writer, "waiting_bytes", (int64_t)counts->waiting_bytes);
    writer_int(writer, "taken", (int64_t)counts->taken);
    writer_int(writer, "dropped", (int64_t)counts->dropped);
    writer_int(writer, "aside", (int64_t)counts->kept_aside);
    writer_end(writer);
}

static void on_listed(int status, const struct spool_aside_list *list, void *data)
{
    struct asking *asking = data;
    struct text TEXT_AUTO text = {0};
    struct writer writer;
    if (status < 0 || !asking->desk) {
        refuse_busy(asking->call, status);
    } else if (asking->what && list->count == 0) {
        refuse_none(asking->call, asking->what);
    } else {
        desk_begin(&text, &writer);
        writer_array(&writer, "sinks");
        sinks_each(asking->desk->parts.sinks, write_sink, &writer);
        writer_end(&writer);
        writer_array(&writer, "aside");
        for (size_t i = 0; i < list->count; i++)
            write_refused(&list->all[i], asking->whole, &writer);
        writer_end(&writer);
        writer_int(&writer, "left_out", (int64_t)(list->found - list->count));
        desk_end(asking->call, &text, &writer);
    }
    asking_destroy(asking);
}

void desk_spool(struct desk *desk, struct control_call *call, const struct control_request *request)
{
    struct spool_aside_choice choice;
    const char *what = desk_word(request, "what");
    struct spool *spool = spool_of(desk, call);
    if (!spool || !choose(call, what, &choice))
        return;
    struct asking *asking = asking_new(desk, call, request);
    asking->whole = json_is_true(json_object_get(request->args, "whole"));
    if (spool_list_aside(spool, &choice, on_listed, asking))
        return;
    refuse_busy(call, 0);
    asking_destroy(asking);
}

/* -------------------------------------------------------------------- drop ---- */

static void say(struct desk *desk, const char *step, const char *message)
{
    log_info("%s", message);
    (void)event_emit_agent(desk->parts.schedule->bus,
                           LOG_INFO,
                           step,
                           message,
                           loop_wall_ms(desk->parts.schedule->loop),
                           NULL,
                           NULL);
}

static void on_dropped(int status, uint64_t dropped, void *data)
{
    struct asking *asking = data;
    struct text TEXT_AUTO text = {0};
    struct writer writer;
    if (status < 0 || !asking->desk) {
        refuse_busy(asking->call, status);
    } else if (dropped == 0) {
        refuse_none(asking->call, asking->what);
    } else {
        MEM_AUTO char *message = mem_print("%llu events that were refused are dropped by %s",
                                           (unsigned long long)dropped,
                                           asking->who);
        say(asking->desk, "quarantine_dropped", message);
        desk_begin(&text, &writer);
        writer_int(&writer, "dropped", (int64_t)dropped);
        desk_end(asking->call, &text, &writer);
    }
    asking_destroy(asking);
}

void desk_spool_drop(struct desk *desk, struct control_call *call,
                     const struct control_request *request)
{
    struct spool_aside_choice choice;
    const char *what = desk_word(request, "what");
    struct spool *spool = spool_of(desk, call);
    if (!spool || !choose(call, what ? what : "", &choice))
        return;
    struct asking *asking = asking_new(desk, call, request);
    if (spool_drop_aside(spool, &choice, NULL, 0, on_dropped, asking))
        return;
    refuse_busy(call, 0);
    asking_destroy(asking);
}

/* ------------------------------------------------------------------ resend ---- */

/*
 * Events on their way back: first into their sinks' queues, then, when these are on disk or
 * delivered, out of the quarantine.  Whoever is killed between the two sends them twice.
 */
struct resending {
    struct asking *asking;
    struct timer look;
    uint64_t until_us;
    uint64_t *ids;
    char **sinks;              /* of each */
    size_t count, strangers;   /* these are of sinks that are not configured any more */
    uint64_t left, last, seen; /* how many follow; the newest of all, and of these */
};

static void resending_destroy(struct resending *resending)
{
    timer_stop(&resending->look);
    for (size_t i = 0; i < resending->count; i++)
        free(resending->sinks[i]);
    free(resending->sinks);
    free(resending->ids);
    asking_destroy(resending->asking);
    free(resending);
}

static void answer_resent(struct resending *resending)
{
    struct text TEXT_AUTO text = {0};
    struct writer writer;
    desk_begin(&text, &writer);
    writer_int(&writer, "resent", (int64_t)resending->count);
    writer_int(&writer, "strangers", (int64_t)resending->strangers);
    writer_int(&writer, "left", (int64_t)resending->left);
    writer_int(&writer, "up_to", (int64_t)resending->last);
    writer_int(&writer, "seen", (int64_t)resending->seen);
    desk_end(resending->asking->call, &text, &writer);
}

static void on_taken_out(int status, uint64_t dropped, void *data)
{
    struct resending *resending = data;
    struct asking *asking = resending->asking;
    (void)dropped;
    if (status < 0 || !asking->desk) {
        refuse_busy(asking->call, status);
    } else {
        MEM_AUTO char *message = mem_print(
            "%zu events that were refused are sent again by %s", resending->count, asking->who);
        say(asking->desk, "quarantine_resent", message);
        answer_resent(resending);
    }
    resending_destroy(resending);
}

static bool is_safe(struct resending *resending)
{
    for (size_t i = 0; i < resending->count; i++)
        if (!sinks_is_safe(resending->asking->desk->parts.sinks, resending->sinks[i]))
            return false;
    return true;
}

static void on_look(void *data)
{
    struct resending *resending = data;
    struct asking *asking = resending->asking;
    struct loop *loop = asking->desk->parts.schedule->loop;
    struct spool *spool = sinks_spool(asking->desk->parts.sinks);
    static const struct spool_aside_choice any;
    bool safe = is_safe(resending);
    if (!safe && loop_now_us(loop) < resending->until_us) {
        timer_start(&resending->look, loop, LOOK_MS, on_look, resending);
        return;
    }
    if (safe && spool &&
        spool_drop_aside(spool, &any, resending->ids, resending->count, on_taken_out, resending))
        return;
    control_refuse(asking->call,
                   "they stay set aside as well: drop them once they have arrived",
                   "%zu events are sent again, but neither delivered nor on disk yet",
                   resending->count);
    resending_destroy(resending);
}

/* Into their sinks' queues, as far as there are any. */
static void resend_all(struct resending *resending, const struct spool_aside_list *list)
{
    struct sinks *sinks = resending->asking->desk->parts.sinks;
    resending->ids = mem_array(list->count + 1, sizeof(*resending->ids));
    resending->sinks = mem_array(list->count + 1, sizeof(*resending->sinks));
    resending->left = list->found - list->count;
    resending->last = list->last;
    for (size_t i = 0; i < list->count; i++) {
        const struct spool_aside *aside = &list->all[i];
        resending->seen = aside->id;
        if (!sinks_resend(sinks, aside->sink, aside->line, aside->len)) {
            resending->strangers++;
            continue;
        }
        resending->ids[resending->count] = aside->id;
        resending->sinks[resending->count++] = mem_copy(aside->sink);
    }
}

/* Nothing of these can be sent again: others may follow, or have come before. */
static void answer_none(struct resending *resending, const struct spool_aside_list *list)
{
    if (resending->left || resending->asking->after)
        answer_resent(resending);
    else
        control_refuse(resending->asking->call,
                       "configure it again, or drop them",
                       "no sink \"%.80s\" is configured any more",
                       list->all[0].sink);
    resending_destroy(resending);
}

static void on_found(int status, const struct spool_aside_list *list, void *data)
{
    struct asking *asking = data;
    struct desk *desk = asking->desk;
    if (!desk || status < 0 || (list->count == 0 && !asking->after)) {
        if (status < 0)
            refuse_busy(asking->call, status);
        else
            refuse_none(asking->call, asking->what);
        asking_destroy(asking);
        return;
    }
    struct resending *resending = mem_new(sizeof(*resending));
    resending->asking = asking;
    resend_all(resending, list);
    if (resending->count == 0) {
        answer_none(resending, list);
        return;
    }
    asking->resending = resending;
    resending->until_us = loop_now_us(desk->parts.schedule->loop) + (uint64_t)SAFE_MS * 1000;
    timer_start(&resending->look, desk->parts.schedule->loop, LOOK_MS, on_look, resending);
}

void desk_spool_resend(struct desk *desk, struct control_call *call,
                       const struct control_request *request)
{
    struct spool_aside_choice choice;
    const char *what = desk_word(request, "what");
    struct spool *spool = spool_of(desk, call);
    if (!spool || !choose(call, what ? what : "", &choice))
        return;
    choice.most = MOST_RESENT;
    choice.bytes = RESENT_BYTES;
    choice.up_to = (uint64_t)json_integer_value(json_object_get(request->args, "up_to"));
    choice.after = (uint64_t)json_integer_value(json_object_get(request->args, "after"));
    struct asking *asking = asking_new(desk, call, request);
    asking->after = choice.after;
    if (spool_list_aside(spool, &choice, on_found, asking))
        return;
    refuse_busy(call, 0);
    asking_destroy(asking);
}

/* --------------------------------------------------------------------- end ---- */

void desk_spool_close(struct desk *desk)
{
    while (!list_empty(&desk->askings)) {
        struct asking *asking = list_first(&desk->askings, struct asking, link);
        list_remove(&asking->link); /* what the disk still answers is nobody's */
        asking->desk = NULL;
        if (asking->resending && timer_pending(&asking->resending->look)) {
            control_refuse(asking->call, NULL, "the agent ends");
            resending_destroy(asking->resending);
        }
    }
}
