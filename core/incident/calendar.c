#include "incident/calendar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "incident/ical.h"
#include "io/child.h"
#include "io/life.h"
#include "io/loop.h"
#include "io/wait.h"
#include "io/work.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define AHEAD_MS (366 * DAY_MS)
enum { LOOK_MOST_MS = 10000, ANEW_MS = 3600 * 1000 };

/* What the pool reads; all of it is its own. */
struct reading {
    struct calendar *calendar; /* looked at on the loop only, and not when it was given up */
    char *path, *bytes, *tz;
    size_t len;
    int64_t before_ms, after_ms, now_ms;
    struct ical_spans spans;
    struct error error;
    int status;
};

/* Of one window. */
struct calendar {
    struct list link;
    struct calendars *all;
    const struct named_window *window;
    struct window_spans *slot; /* of the window */
    struct life life;
    struct timer due, patience;
    char *bytes; /* as they were read last; NULL: they could not be */
    size_t len;
    int64_t read_ms;
    struct ical_spans spans; /* that the window has */
    char *trouble;
};

struct calendars {
    struct loop *loop;
    struct list list;
    calendar_fn *fn;
    void *data;
};

static void look(void *data);

/* ---------------------------------------------------------------- the window ---- */

static void forget(struct calendar *calendar)
{
    *calendar->slot = (struct window_spans){0};
    ical_free(&calendar->spans);
    free(calendar->trouble);
    calendar->trouble = NULL;
}

/* `why` is taken over. */
static void fail(struct calendar *calendar, char *why)
{
    bool is_new = !calendar->trouble || strcmp(calendar->trouble, why) != 0;
    forget(calendar);
    free(calendar->bytes);
    calendar->bytes = NULL;
    calendar->trouble = why;
    calendar->slot->trouble = why;
    if (is_new)
        calendar->all->fn(calendar->window, why, calendar->all->data);
}

static void succeed(struct calendar *calendar, struct reading *reading)
{
    forget(calendar);
    free(calendar->bytes);
    calendar->bytes = reading->bytes;
    calendar->len = reading->len;
    calendar->read_ms = reading->now_ms;
    calendar->spans = reading->spans;
    reading->bytes = NULL;
    reading->spans = (struct ical_spans){0};
    *calendar->slot = (struct window_spans){
        .all = calendar->spans.all, .count = calendar->spans.count, .known = true};
    calendar->all->fn(calendar->window, NULL, calendar->all->data);
}

/* ------------------------------------------------------------------- reading ---- */

static int read_bytes(void *data)
{
    struct reading *reading = data;
    struct zone *zone = NULL;
    if (reading->tz && zone_open(reading->tz, &zone) < 0)
        return error_set(&reading->error, -ENOENT, "the time zone %s is gone", reading->tz);
    const struct ical_wish wish = {
        .path = reading->path,
        .bytes = reading->bytes,
        .len = reading->len,
        .zone = zone,
        .from_ms = reading->now_ms - DAY_MS,
        .until_ms = reading->now_ms + AHEAD_MS,
        .before_ms = reading->before_ms,
        .after_ms = reading->after_ms,
    };
    int status = ical_read(&wish, &reading->spans, &reading->error);
    zone_close(zone);
    return status;
}

static void free_reading(struct reading *reading)
{
    ical_free(&reading->spans);
    free(reading->path);
    free(reading->bytes);
    free(reading->tz);
    free(reading);
}

static void look_again(struct calendar *calendar)
{
    timer_start(&calendar->due, calendar->all->loop, CALENDAR_EVERY_MS, look, calendar);
}

/* A status of -ECANCELED: the calendar is gone. */
static void on_read(int status, void *data)
{
    struct reading *reading = data;
    struct calendar *calendar = reading->calendar;
    if (status == 0)
        succeed(calendar, reading);
    else if (status != -ECANCELED)
        fail(calendar, mem_copy(reading->error.message));
    free_reading(reading);
    if (status != -ECANCELED)
        look_again(calendar);
}

static struct reading *reading_of(const struct named_window *window, const char *bytes, size_t len,
                                  int64_t now_ms)
{
    struct reading *reading = mem_new(sizeof(*reading));
    reading->path = mem_copy(window->calendar);
    reading->tz = mem_copy(window->tz);
    reading->bytes = mem_new(len + 1);
    memcpy(reading->bytes, bytes, len);
    reading->len = len;
    reading->before_ms = window->before_ms;
    reading->after_ms = window->after_ms;
    reading->now_ms = now_ms;
    return reading;
}

/* ------------------------------------------------------------------- looking ---- */

static void on_impatient(void *data)
{
    struct calendar *calendar = data;
    life_drop(&calendar->life);
    life_init(&calendar->life, calendar->all->loop);
    fail(calendar,
         mem_print("%s cannot be looked at, as on a mount that does not answer",
                   calendar->window->calendar));
    look_again(calendar);
}

static bool is_unchanged(const struct calendar *calendar, const struct probe_sight *sight,
                         int64_t now_ms)
{
    return calendar->bytes && calendar->len == sight->len &&
           memcmp(calendar->bytes, sight->bytes, sight->len) == 0 && now_ms >= calendar->read_ms &&
           now_ms - calendar->read_ms < ANEW_MS;
}

static void on_sight(int status, const struct probe_sight *sight, void *data)
{
    struct calendar *calendar = data;
    int64_t now_ms = loop_wall_ms(calendar->all->loop);
    if (status == -ECANCELED)
        return;
    timer_stop(&calendar->patience);
    if (status < 0) {
        fail(calendar,
             mem_print("%s cannot be read: %s", calendar->window->calendar, strerror(-status)));
    } else if (sight->truncated) {
        fail(calendar,
             mem_print(
                 "%s is larger than %d MiB", calendar->window->calendar, ICAL_MOST_BYTES >> 20));
    } else if (!is_unchanged(calendar, sight, now_ms)) {
        struct reading *reading = reading_of(calendar->window, sight->bytes, sight->len, now_ms);
        reading->calendar = calendar;
        (void)work_start(&calendar->life, read_bytes, on_read, reading);
        return;
    }
    look_again(calendar);
}

static void look(void *data)
{
    struct calendar *calendar = data;
    timer_start(&calendar->patience, calendar->all->loop, LOOK_MOST_MS, on_impatient, calendar);
    (void)child_look(&calendar->life,
                     PROBE_LOOK_READ,
                     calendar->window->calendar,
                     ICAL_MOST_BYTES,
                     on_sight,
                     calendar);
}

/* ----------------------------------------------------------- open, close ---- */

static struct calendar *add(struct calendars *all, const struct named_window *window)
{
    struct calendar *calendar = mem_new(sizeof(*calendar));
    calendar->all = all;
    calendar->window = window;
    calendar->slot = window->when.spans;
    life_init(&calendar->life, all->loop);
    list_add(&all->list, &calendar->link);
    return calendar;
}

static void watch(struct calendars *all, const struct windows *windows)
{
    for (size_t i = 0; windows && i < windows->count; i++)
        if (windows->all[i].when.kind == WINDOW_SPANS)
            look(add(all, &windows->all[i]));
}

struct calendars *calendars_create(struct loop *loop, const struct windows *freezes,
                                   const struct windows *silences, calendar_fn *fn, void *data)
{
    struct calendars *all = mem_new(sizeof(*all));
    all->loop = loop;
    all->fn = fn;
    all->data = data;
    list_init(&all->list);
    watch(all, freezes);
    watch(all, silences);
    return all;
}

void calendars_destroy(struct calendars *calendars)
{
    if (!calendars)
        return;
    while (!list_empty(&calendars->list)) {
        struct calendar *calendar = list_first(&calendars->list, struct calendar, link);
        list_remove(&calendar->link);
        timer_stop(&calendar->due);
        timer_stop(&calendar->patience);
        life_drop(&calendar->life);
        forget(calendar);
        free(calendar->bytes);
        free(calendar);
    }
    free(calendars);
}

/* ---------------------------------------------------------------------- once ---- */

/* All of a file; NULL and errno. */
static char *slurp(const char *path, size_t *ret_len)
{
    char *bytes = mem_new(ICAL_MOST_BYTES + 1);
    FILE *file = fopen(path, "re");
    *ret_len = file ? fread(bytes, 1, ICAL_MOST_BYTES + 1, file) : 0;
    bool bad = !file || ferror(file);
    if (file)
        (void)fclose(file);
    if (bad)
        free(bytes);
    return bad ? NULL : bytes;
}

static void ignore(const struct named_window *window, const char *why, void *data)
{
    (void)window;
    (void)why;
    (void)data;
}

static void read_once(struct calendar *calendar, int64_t now_ms)
{
    size_t len = 0;
    char *bytes = slurp(calendar->window->calendar, &len);
    if (!bytes) {
        fail(calendar,
             mem_print("%s cannot be read: %s", calendar->window->calendar, strerror(errno)));
        return;
    }
    struct reading *reading = reading_of(calendar->window, bytes, len, now_ms);
    if (read_bytes(reading) == 0)
        succeed(calendar, reading);
    else
        fail(calendar, mem_copy(reading->error.message));
    free_reading(reading);
    free(bytes);
}

struct calendars *calendars_read_once(const struct windows *windows, int64_t now_ms)
{
    struct calendars *all = mem_new(sizeof(*all));
    all->fn = ignore;
    list_init(&all->list);
    for (size_t i = 0; i < windows->count; i++)
        if (windows->all[i].when.kind == WINDOW_SPANS)
            read_once(add(all, &windows->all[i]), now_ms);
    return all;
}
