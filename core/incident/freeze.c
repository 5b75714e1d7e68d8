#include "incident/freeze.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "io/child.h"
#include "io/life.h"
#include "io/loop.h"
#include "io/wait.h"

enum {
    TURN_MOST_MS = 60000,
    LOOK_EVERY_MS = 3000,
    LOOK_MOST_MS = 5000,
    FIRST_LINE = 200,
    LONGEST_WHY = 1024
};

struct freeze {
    struct loop *loop;
    struct memo *memo;
    freeze_fn *fn;
    void *data;
    freeze_mirror_fn *mirror;
    void *mirror_data;
    bool told; /* what was told last */
    bool on;   /* the switch */
    char *who, *reason;
    int64_t since_ms, until_ms; /* until_ms zero: for ever */
    char *path;                 /* of the file; NULL: none */
    char *file_says;            /* why the file freezes; NULL: it does not */
    struct life life;
    const struct windows *windows; /* NULL: none */
    struct timer due, patience, end, turn;
    char why[LONGEST_WHY];
};

/* Only a calendar that was not looked at yet freezes: soon it is known whether it does. */
static bool is_too_early(struct freeze *freeze)
{
    int64_t until_ms = 0;
    const struct named_window *window =
        freeze->on || freeze->file_says
            ? NULL
            : windows_freeze(freeze->windows, loop_wall_ms(freeze->loop), &until_ms);
    return window && windows_is_unknown(window) && !window->when.spans->trouble;
}

static void tell(struct freeze *freeze)
{
    const char *why = freeze_why(freeze);
    if ((why != NULL) == freeze->told || is_too_early(freeze))
        return;
    freeze->told = why != NULL;
    if (freeze->fn)
        freeze->fn(why, freeze->data);
}

/* ------------------------------------------------------------ the switch ---- */

static void forget_switch(struct freeze *freeze)
{
    freeze->on = false;
    free(freeze->who);
    free(freeze->reason);
    freeze->who = freeze->reason = NULL;
    timer_stop(&freeze->end);
}

static void on_end(void *data)
{
    struct freeze *freeze = data;
    int64_t left_ms = freeze->until_ms - loop_wall_ms(freeze->loop);
    if (left_ms > 0) { /* the clock on the wall was set back, or the wait was for a part of it */
        timer_start(&freeze->end, freeze->loop, (uint64_t)left_ms, on_end, freeze);
        return;
    }
    freeze_unset(freeze);
    freeze_keep(freeze, NULL, NULL);
}

static void set_switch(struct freeze *freeze, const char *who, const char *reason, int64_t since_ms,
                       int64_t until_ms)
{
    forget_switch(freeze);
    freeze->on = true;
    freeze->who = mem_copy(who ? who : "somebody");
    freeze->reason = mem_copy(reason);
    freeze->since_ms = since_ms;
    freeze->until_ms = until_ms;
    if (until_ms)
        timer_start(&freeze->end, freeze->loop, 0, on_end, freeze);
}

static void on_kept(const char *id, const json_t *body, void *data)
{
    (void)id;
    set_switch(data,
               json_string_value(json_object_get(body, "who")),
               json_string_value(json_object_get(body, "reason")),
               json_integer_value(json_object_get(body, "since_ms")),
               json_integer_value(json_object_get(body, "until_ms")));
}

void freeze_set(struct freeze *freeze, const char *who, const char *reason, int64_t for_ms)
{
    int64_t now_ms = loop_wall_ms(freeze->loop);
    set_switch(freeze, who, reason, now_ms, for_ms ? now_ms + for_ms : 0);
    tell(freeze);
}

void freeze_unset(struct freeze *freeze)
{
    forget_switch(freeze);
    tell(freeze);
}

bool freeze_is_set(const struct freeze *freeze)
{
    return freeze->on;
}

/* On our own disk. */
static void keep(struct freeze *freeze, memo_done_fn *fn, void *data)
{
    if (!freeze->on) {
        memo_put(freeze->memo, "freeze", "switch", NULL, fn, data);
        return;
    }
    json_t *body = json_pack("{s:s, s:I, s:I}",
                             "who",
                             freeze->who,
                             "since_ms",
                             (json_int_t)freeze->since_ms,
                             "until_ms",
                             (json_int_t)freeze->until_ms);
    if (freeze->reason)
        (void)json_object_set_new(body, "reason", json_string(freeze->reason));
    memo_put(freeze->memo, "freeze", "switch", body, fn, data);
    json_decref(body);
}

static json_t *pack(const struct freeze *freeze)
{
    int64_t at_ms = freeze->on ? freeze->since_ms : loop_wall_ms(freeze->loop);
    json_t *now = json_pack("{s:b, s:I, s:I, s:s*, s:s*}",
                            "on",
                            freeze->on,
                            "at_ms",
                            (json_int_t)at_ms,
                            "until_ms",
                            (json_int_t)freeze->until_ms,
                            "who",
                            freeze->who,
                            "reason",
                            freeze->reason);
    return now;
}

static void tell_mirror(struct freeze *freeze)
{
    if (!freeze->mirror)
        return;
    json_t *now = pack(freeze);
    freeze->mirror(now, freeze->mirror_data);
    json_decref(now);
}

void freeze_mirror(struct freeze *freeze, freeze_mirror_fn *fn, void *data)
{
    freeze->mirror = fn;
    freeze->mirror_data = data;
}

void freeze_take(struct freeze *freeze, const json_t *realms)
{
    int64_t at_ms = json_integer_value(json_object_get(realms, "at_ms"));
    bool on = json_is_true(json_object_get(realms, "on"));
    if (!realms || (freeze->on && freeze->since_ms >= at_ms)) {
        if (freeze->on && freeze->since_ms > at_ms)
            tell_mirror(freeze);
        return;
    }
    if (on)
        set_switch(freeze,
                   json_string_value(json_object_get(realms, "who")),
                   json_string_value(json_object_get(realms, "reason")),
                   at_ms,
                   json_integer_value(json_object_get(realms, "until_ms")));
    else if (freeze->on)
        forget_switch(freeze);
    else
        return;
    keep(freeze, NULL, NULL);
    tell(freeze);
}

void freeze_keep(struct freeze *freeze, memo_done_fn *fn, void *data)
{
    tell_mirror(freeze);
    keep(freeze, fn, data);
}

/* -------------------------------------------------------------- the file ---- */

static void look(void *data);

static void file_says(struct freeze *freeze, char *why)
{
    free(freeze->file_says);
    freeze->file_says = why;
    timer_stop(&freeze->patience);
    timer_start(&freeze->due, freeze->loop, LOOK_EVERY_MS, look, freeze);
    tell(freeze);
}

static void on_impatient(void *data)
{
    struct freeze *freeze = data;
    life_drop(&freeze->life);
    life_init(&freeze->life, freeze->loop);
    file_says(
        freeze,
        mem_print("%s cannot be looked at, as on a mount that does not answer", freeze->path));
}

static void on_sight(int status, const struct probe_sight *sight, void *data)
{
    struct freeze *freeze = data;
    if (status == -ECANCELED)
        return;
    if (status == -ENOENT || status == -ENOTDIR) {
        file_says(freeze, NULL);
    } else if (status < 0 && status != -EISDIR) {
        file_says(freeze, mem_print("%s cannot be read: %s", freeze->path, strerror(-status)));
    } else {
        struct text TEXT_AUTO line;
        size_t len = status == 0 ? strcspn(sight->bytes, "\n") : 0;
        text_init(&line, FIRST_LINE);
        if (len)
            text_add_plain(&line, sight->bytes, len);
        file_says(freeze,
                  line.len ? mem_print("frozen by the file %s: %s", freeze->path, line.bytes)
                           : mem_print("frozen by the file %s", freeze->path));
    }
}

static void look(void *data)
{
    struct freeze *freeze = data;
    timer_start(&freeze->patience, freeze->loop, LOOK_MOST_MS, on_impatient, freeze);
    (void)child_look(&freeze->life, PROBE_LOOK_READ, freeze->path, 4096, on_sight, freeze);
}

void freeze_watch(struct freeze *freeze, const char *path)
{
    if (path && freeze->path && strcmp(path, freeze->path) == 0)
        return;
    timer_stop(&freeze->due);
    timer_stop(&freeze->patience);
    life_drop(&freeze->life);
    life_init(&freeze->life, freeze->loop);
    free(freeze->path);
    free(freeze->file_says);
    freeze->path = mem_copy(path);
    freeze->file_says = path ? mem_print("%s was not looked at yet", path) : NULL;
    if (path)
        look(freeze);
    else
        tell(freeze);
}

/* --------------------------------------------------------------- windows ---- */

/* Says when one begins or ends; the guard itself asks anew each time. */
static void on_turn(void *data)
{
    struct freeze *freeze = data;
    int64_t now_ms = loop_wall_ms(freeze->loop), turn_ms = now_ms + TURN_MOST_MS, next_ms = 0;
    int64_t until_ms = 0;
    tell(freeze);
    if (!freeze->windows || freeze->windows->count == 0)
        return;
    if (windows_next(freeze->windows, now_ms, &next_ms) && next_ms < turn_ms)
        turn_ms = next_ms;
    if (windows_freeze(freeze->windows, now_ms, &until_ms) && until_ms && until_ms < turn_ms)
        turn_ms = until_ms;
    timer_start(&freeze->turn, freeze->loop, (uint64_t)(turn_ms - now_ms), on_turn, freeze);
}

void freeze_use_windows(struct freeze *freeze, const struct windows *windows)
{
    freeze->windows = windows;
    timer_stop(&freeze->turn);
    on_turn(freeze);
}

static const char *window_says(struct freeze *freeze)
{
    char until[UNITS_TIME_LEN];
    int64_t until_ms = 0;
    const struct named_window *window =
        windows_freeze(freeze->windows, loop_wall_ms(freeze->loop), &until_ms);
    if (!window)
        return NULL;
    bool unknown = windows_is_unknown(window);
    units_print_time(until_ms, until);
    (void)snprintf(freeze->why,
                   sizeof(freeze->why),
                   "frozen by window %s%s%.10s%s%.5s%s%s%s%s%s%s",
                   window->name,
                   until_ms ? " until " : "",
                   until_ms ? until : "",
                   until_ms ? " " : "",
                   until_ms ? until + 11 : "",
                   until_ms ? " UTC" : "",
                   unknown ? ", of which it is not known when it is" : "",
                   unknown ? ": " : "",
                   !unknown                      ? ""
                   : window->when.spans->trouble ? window->when.spans->trouble
                                                 : "its calendar was not looked at yet",
                   window->reason ? ": " : "",
                   window->reason ? window->reason : "");
    return freeze->why;
}

/* ------------------------------------------------------------------- why ---- */

const char *freeze_why(struct freeze *freeze)
{
    char until[UNITS_TIME_LEN];
    if (!freeze->on)
        return freeze->file_says ? freeze->file_says : window_says(freeze);
    units_print_time(freeze->until_ms, until);
    (void)snprintf(freeze->why,
                   sizeof(freeze->why),
                   "frozen by %s%s%.16s%s%s",
                   freeze->who,
                   freeze->until_ms ? " until " : "",
                   freeze->until_ms ? until : "",
                   freeze->reason ? ": " : "",
                   freeze->reason ? freeze->reason : "");
    return freeze->why;
}

/* The one that holds, where it is what freezes, and the next one. */
static void write_windows(const struct freeze *freeze, bool freezes, struct writer *writer)
{
    int64_t now_ms = loop_wall_ms(freeze->loop), at_ms = 0;
    const struct named_window *window =
        freezes ? windows_freeze(freeze->windows, now_ms, &at_ms) : NULL;
    if (window) {
        writer_string(writer, "window", window->name);
        if (at_ms)
            writer_time(writer, "until", at_ms);
    }
    window = windows_next(freeze->windows, now_ms, &at_ms);
    if (!window)
        return;
    writer_object(writer, "next");
    writer_string(writer, "window", window->name);
    writer_time(writer, "begins", at_ms);
    if (window->reason)
        writer_string(writer, "reason", window->reason);
    writer_end(writer);
}

void freeze_write(struct freeze *freeze, struct writer *writer)
{
    const char *why = freeze_why(freeze);
    writer_object(writer, "freeze");
    writer_bool(writer, "frozen", why != NULL);
    if (why)
        writer_string(writer, "why", why);
    if (freeze->on) {
        writer_string(writer, "who", freeze->who);
        writer_time(writer, "since", freeze->since_ms);
        if (freeze->until_ms)
            writer_time(writer, "until", freeze->until_ms);
    }
    write_windows(freeze, why && !freeze->on && !freeze->file_says, writer);
    writer_end(writer);
}

/* ----------------------------------------------------------- open, close ---- */

struct freeze *freeze_create(struct loop *loop, struct memo *memo)
{
    struct freeze *freeze = mem_new(sizeof(*freeze));
    freeze->loop = loop;
    freeze->memo = memo;
    life_init(&freeze->life, loop);
    (void)memo_each(memo, "freeze", on_kept, freeze);
    freeze->told = freeze->on;
    return freeze;
}

void freeze_tell(struct freeze *freeze, freeze_fn *fn, void *data)
{
    freeze->fn = fn;
    freeze->data = data;
}

void freeze_destroy(struct freeze *freeze)
{
    if (!freeze)
        return;
    timer_stop(&freeze->due);
    timer_stop(&freeze->patience);
    timer_stop(&freeze->end);
    timer_stop(&freeze->turn);
    life_drop(&freeze->life);
    free(freeze->who);
    free(freeze->reason);
    free(freeze->path);
    free(freeze->file_says);
    free(freeze);
}
