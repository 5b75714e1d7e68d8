#include "probe/window.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"

enum { HOUR_MINUTES = 60, DAY_MINUTES = 1440, YEAR_MINUTES = 366 * DAY_MINUTES, MINUTE_MS = 60000 };

/* ------------------------------------------------------------------- cron ---- */

static const char *const months[] = {
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
static const char *const weekdays[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

/* One of the five: its values, the least of which is `first`, and their names. */
struct field {
    const char *name;
    int first, last;
    const char *const *names;
    size_t name_count;
};

static const struct field fields[] = {
    {"minute", 0, 59, NULL, 0},
    {"hour", 0, 23, NULL, 0},
    {"day of the month", 1, 31, NULL, 0},
    {"month", 1, 12, months, COUNT_OF(months)},
    {"day of the week", 0, 7, weekdays, COUNT_OF(weekdays)}, /* 7: Sunday, as 0 */
};

/* A value of the field; -1 where it is none. */
static int read_value(const char **at, const struct field *field)
{
    for (size_t i = 0; i < field->name_count; i++)
        if (strncasecmp(*at, field->names[i], 3) == 0) {
            *at += 3;
            return field->first + (int)i;
        }
    if (!isdigit((unsigned char)**at))
        return -1;
    char *end = NULL;
    long value = strtol(*at, &end, 10);
    *at = end;
    return value >= field->first && value <= field->last ? (int)value : -1;
}

/* A star, a value, or a span, with a step; false where it is none. */
static bool read_part(const char **at, const struct field *field, uint64_t *bits)
{
    int first = field->first, last = field->last, step = 1;
    if (**at == '*') {
        (*at)++;
    } else {
        first = last = read_value(at, field);
        if (**at == '-') {
            (*at)++;
            last = read_value(at, field);
            if (last == 0 && field->last == 7) /* SAT-SUN */
                last = 7;
        }
    }
    if (**at == '/') {
        char *end = NULL;
        long every = strtol(*at + 1, &end, 10);
        step = end != *at + 1 && every > 0 && every <= field->last ? (int)every : 0;
        *at = end;
    }
    if (first < 0 || last < first || step == 0)
        return false;
    for (int value = first; value <= last; value += step)
        *bits |= UINT64_C(1) << value;
    return true;
}

static bool read_field(const char **at, const struct field *field, uint64_t *bits)
{
    *bits = 0;
    while (read_part(at, field, bits)) {
        if (**at != ',')
            return **at == '\0' || **at == ' ';
        (*at)++;
    }
    return false;
}

int cron_parse(const char *text, struct cron *cron, struct error *error)
{
    uint64_t bits[COUNT_OF(fields)] = {0};
    bool any[COUNT_OF(fields)] = {false};
    const char *at = text;
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        at += strspn(at, " ");
        any[i] = *at == '*' && at[1] != '/';
        if (!*at)
            return error_set(error, -EINVAL, "there are %zu fields, not five", i);
        if (!read_field(&at, &fields[i], &bits[i]))
            return error_set(error, -EINVAL, "its %s is none", fields[i].name);
    }
    if (at[strspn(at, " ")])
        return error_set(error, -EINVAL, "there is more than five fields");
    *cron = (struct cron){
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint16_t)bits[3],
        .any_day = any[2],
        .any_weekday = any[4],
    };
    for (int day = 0; day < 7; day++) /* Monday comes first */
        if (bits[4] >> ((day + 1) % 7) & 1 || (day == 6 && bits[4] >> 7 & 1))
            cron->weekdays |= (uint8_t)(1u << day);
    return 0;
}

/* ------------------------------------------------------------------ minutes ---- */

/* Minutes since 1970 that the clock on the wall shows, at a minute of UTC. */
static int64_t local_of(const struct window *window, int64_t minute)
{
    const struct zone *zone = window->hours.zone;
    return minute + (zone ? zone_offset(zone, minute * 60) / 60 : 0);
}

static bool fits_day(const struct cron *cron, int64_t local)
{
    struct tm day = {0};
    time_t seconds = (time_t)(local * 60);
    if (!gmtime_r(&seconds, &day))
        return false;
    bool of_month = cron->days >> day.tm_mday & 1;
    bool of_week = cron->weekdays >> ((day.tm_wday + 6) % 7) & 1;
    bool fits = cron->any_day ? of_week : cron->any_weekday ? of_month : of_month || of_week;
    return fits && cron->months >> (day.tm_mon + 1) & 1;
}

static bool fits_hour(const struct cron *cron, int64_t local)
{
    return cron->hours >> (local % DAY_MINUTES / HOUR_MINUTES) & 1 && fits_day(cron, local);
}

static bool fits(const struct cron *cron, int64_t local)
{
    return cron->minutes >> (local % HOUR_MINUTES) & 1 && fits_hour(cron, local);
}

/* Whether it begins with this minute, or would have in minutes that the clock has left out before it. */
static bool begins_at(const struct window *window, int64_t minute)
{
    int64_t here = local_of(window, minute), before = local_of(window, minute - 1);
    for (int64_t local = before < here ? before + 1 : here; local <= here; local++)
        if (fits(&window->cron, local))
            return true;
    return false;
}

/* The first minute from `minute` to `last` with which it begins by cron; -1: there is none. */
static int64_t first_begin(const struct window *window, int64_t minute, int64_t last)
{
    while (minute <= last) {
        int64_t local = local_of(window, minute);
        int64_t left = HOUR_MINUTES - local % HOUR_MINUTES; /* of this hour */
        bool even = local_of(window, minute - 1) == local - 1 &&
                    local_of(window, minute + left - 1) == local + left - 1;
        if (even && !fits_hour(&window->cron, local))
            minute += left;
        else if (begins_at(window, minute))
            return minute;
        else
            minute++;
    }
    return -1;
}

/* -------------------------------------------------------------------- asked ---- */

/* The last minute of the times that follow one another from one of these beginnings on, in milliseconds. */
static int64_t end_by_cron(const struct window *window, int64_t begun)
{
    int64_t most = begun + YEAR_MINUTES, end_ms = begun * MINUTE_MS + window->for_ms;
    for (int64_t next = begun; next <= most;) {
        next = first_begin(window, next + 1, end_ms / MINUTE_MS);
        if (next < 0)
            return end_ms;
        end_ms = next * MINUTE_MS + window->for_ms;
    }
    return 0;
}

static bool holds_by_cron(const struct window *window, int64_t wall_ms, int64_t *ret_until_ms)
{
    int64_t since = (wall_ms - window->for_ms) / MINUTE_MS + 1;
    int64_t begun = first_begin(window, since, wall_ms / MINUTE_MS);
    if (begun < 0)
        return false;
    if (ret_until_ms)
        *ret_until_ms = end_by_cron(window, begun);
    return true;
}

/* The first minute after this one at which hours hold, or do not; zero: none within a week and a day. */
static int64_t hours_turn(const struct window *window, int64_t wall_ms, bool holds)
{
    int64_t minute = wall_ms / MINUTE_MS;
    for (int64_t last = minute + 8 * DAY_MINUTES; ++minute <= last;)
        if (hours_hold(&window->hours, minute * MINUTE_MS) == holds)
            return minute * MINUTE_MS;
    return 0;
}

static bool holds_by_spans(const struct window_spans *spans, int64_t wall_ms, int64_t *ret_until_ms)
{
    for (size_t i = 0; i < spans->count && spans->all[i].from_ms <= wall_ms; i++)
        if (wall_ms < spans->all[i].until_ms) {
            if (ret_until_ms)
                *ret_until_ms = spans->all[i].until_ms;
            return true;
        }
    return false;
}

static int64_t begins_by_spans(const struct window_spans *spans, int64_t wall_ms)
{
    for (size_t i = 0; i < spans->count; i++)
        if (spans->all[i].from_ms > wall_ms)
            return spans->all[i].from_ms;
    return 0;
}

bool window_holds(const struct window *window, int64_t wall_ms, int64_t *ret_until_ms)
{
    switch (window->kind) {
    case WINDOW_SPANS:
        return holds_by_spans(window->spans, wall_ms, ret_until_ms);
    case WINDOW_CRON:
        return holds_by_cron(window, wall_ms, ret_until_ms);
    case WINDOW_DATES:
        if (ret_until_ms)
            *ret_until_ms = window->until_ms;
        return wall_ms >= window->from_ms && wall_ms < window->until_ms;
    default:
        if (!hours_hold(&window->hours, wall_ms))
            return false;
        if (ret_until_ms)
            *ret_until_ms = hours_turn(window, wall_ms, false);
        return true;
    }
}

int64_t window_begins(const struct window *window, int64_t wall_ms)
{
    int64_t minute = wall_ms / MINUTE_MS;
    switch (window->kind) {
    case WINDOW_CRON:
        minute = first_begin(window, minute + 1, minute + YEAR_MINUTES);
        return minute < 0 ? 0 : minute * MINUTE_MS;
    case WINDOW_DATES:
        return window->from_ms > wall_ms ? window->from_ms : 0;
    case WINDOW_SPANS:
        return begins_by_spans(window->spans, wall_ms);
    default:
        if (hours_hold(&window->hours, wall_ms)) { /* the next time, not this one */
            wall_ms = hours_turn(window, wall_ms, false);
            if (!wall_ms)
                return 0;
        }
        return hours_turn(window, wall_ms, true);
    }
}

/* -------------------------------------------------------------------- dates ---- */

/* `count` digits as a number; -1 where they are none. */
static int digits(const char **at, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (!isdigit((unsigned char)**at))
            return -1;
        value = 10 * value + (**at - '0');
    }
    return value;
}

static bool skip(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

int window_parse_date(const char *text, const struct zone *zone, int64_t *ret_wall_ms)
{
    struct tm date = {0};
    const char *at = text;
    int year = digits(&at, 4);
    int month = skip(&at, '-') ? digits(&at, 2) : -1;
    int day = skip(&at, '-') ? digits(&at, 2) : -1;
    int hour = 0, minute = 0;
    if (skip(&at, ' ') || skip(&at, 'T')) {
        hour = digits(&at, 2);
        minute = skip(&at, ':') ? digits(&at, 2) : -1;
    }
    if (*at || year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59)
        return -EINVAL;
    date = (struct tm){.tm_year = year - 1900,
                       .tm_mon = month - 1,
                       .tm_mday = day,
                       .tm_hour = hour,
                       .tm_min = minute};
    int64_t local = (int64_t)timegm(&date);
    if (date.tm_mday != day) /* the 31st of a shorter month */
        return -EINVAL;
    int64_t utc = zone ? local - zone_offset(zone, local) : local;
    if (zone) /* the offset at that moment, not that many hours from it */
        utc = local - zone_offset(zone, utc);
    *ret_wall_ms = utc * 1000;
    return 0;
}
