/*
 * ical_expand - an event, to when it is: rules in local time by libical, moments by tzdata.
 *
 * Layer: incident.  Part of incident/ical.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "incident/ical_library.h"
#include "incident/ical_parts.h"

enum { DAY = 86400, MOST_TURNS = 200000 };

/* ----------------------------------------------------------------- moments ---- */

/* What is skipped is as by the offset before it; of what comes twice it is the first. */
static int64_t utc_of(const struct zone *zone, int64_t local)
{
    if (!zone)
        return local;
    int64_t before = zone_offset(zone, local - DAY), after = zone_offset(zone, local + DAY);
    if (zone_offset(zone, local - before) == before)
        return local - before;
    if (zone_offset(zone, local - after) == after)
        return local - after;
    return local - before;
}

int64_t ical_moment(const struct ical_book *book, const struct ical_stamp *stamp)
{
    if (stamp->utc)
        return stamp->local;
    return utc_of(stamp->zone ? stamp->zone : book->wish->zone, stamp->local);
}

/* When one that begins so ends: whole days by the clock on the wall, times by their length. */
static int64_t end_of(const struct ical_book *book, const struct ical_event *event,
                      const struct ical_stamp *start, int64_t begins)
{
    if (start->date && event->duration < 0) {
        struct ical_stamp end = *start;
        int64_t days = event->end.set ? event->end.local - event->start.local : DAY;
        end.local += days > 0 ? days : DAY;
        return ical_moment(book, &end);
    }
    if (event->duration >= 0)
        return begins + event->duration;
    int64_t length =
        event->end.set ? ical_moment(book, &event->end) - ical_moment(book, &event->start) : 0;
    return begins + (length > 0 ? length : 0);
}

/* ------------------------------------------------------------- exceptions ---- */

static bool is_same(const struct ical_book *book, const struct ical_stamp *one,
                    const struct ical_stamp *other)
{
    if (one->date != other->date) /* a day stands for whatever begins on it */
        return one->local / DAY == other->local / DAY;
    return ical_moment(book, one) == ical_moment(book, other);
}

/* Called off, or another event of the calendar stands in its place. */
static bool is_excepted(const struct ical_book *book, const struct ical_event *event,
                        const struct ical_stamp *start)
{
    for (size_t i = 0; i < event->except_count; i++)
        if (is_same(book, &event->except[i], start))
            return true;
    bool master = event->uid && !event->replaces.set;
    for (size_t i = 0; master && i < book->event_count; i++) {
        const struct ical_event *other = &book->events[i];
        if (other != event && other->replaces.set && other->uid &&
            strcmp(other->uid, event->uid) == 0 && is_same(book, &other->replaces, start))
            return true;
    }
    return false;
}

static int add(struct ical_book *book, const struct ical_event *event,
               const struct ical_stamp *start)
{
    const struct ical_wish *wish = book->wish;
    int64_t begins = ical_moment(book, start), ends = end_of(book, event, start, begins);
    struct window_span span = {begins * 1000 - wish->before_ms, ends * 1000 + wish->after_ms};
    if (span.until_ms <= wish->from_ms || span.from_ms >= wish->until_ms ||
        span.until_ms <= span.from_ms || is_excepted(book, event, start))
        return 0;
    if (book->spans.count == ICAL_MOST_SPANS)
        return ical_wrong(
            book, event->line, "the calendar is for more than %d times", (int)ICAL_MOST_SPANS);
    if (book->spans.count == book->room) {
        book->room = book->room ? 2 * book->room : 64;
        book->spans.all = mem_resize(book->spans.all, book->room * sizeof(*book->spans.all));
    }
    book->spans.all[book->spans.count++] = span;
    return 0;
}

/* ------------------------------------------------------------------ rules ---- */

#ifdef RUNBOOKD_ICAL
static struct icaltimetype time_of(int64_t local, bool date)
{
    struct icaltimetype time = {.is_date = date};
    time_t seconds = (time_t)local;
    struct tm tm;
    if (!gmtime_r(&seconds, &tm))
        return time;
    time.year = tm.tm_year + 1900;
    time.month = tm.tm_mon + 1;
    time.day = tm.tm_mday;
    time.hour = date ? 0 : tm.tm_hour;
    time.minute = date ? 0 : tm.tm_min;
    time.second = date ? 0 : tm.tm_sec;
    return time;
}

static int64_t local_of(const struct icaltimetype *time)
{
    struct tm tm = {.tm_year = time->year - 1900,
                    .tm_mon = time->month - 1,
                    .tm_mday = time->day,
                    .tm_hour = time->hour,
                    .tm_min = time->minute,
                    .tm_sec = time->second};
    return (int64_t)timegm(&tm);
}

/* The rule's end, which is in UTC where the event has a zone. */
static bool is_after(const struct ical_book *book, const struct ical_stamp *start,
                     const struct icaltimetype *until, bool utc)
{
    int64_t last = local_of(until);
    if (until->year == 0)
        return false;
    if (until->is_date)
        return start->local / DAY > last / DAY;
    return utc ? ical_moment(book, start) > last : start->local > last;
}

/* From a little before what is wanted on, where the rule does not count. */
static void skip(const struct ical_book *book, const struct ical_event *event,
                 const struct ical_library *library, icalrecur_iterator *iterator)
{
    int64_t first = ical_moment(book, &event->start);
    int64_t length = end_of(book, event, &event->start, first) - first;
    int64_t from = (book->wish->from_ms - book->wish->after_ms) / 1000 - length - 2 * DAY;
    if (from > event->start.local)
        (void)library->iterator_set_start(iterator, time_of(from, event->start.date));
}

static int iterate(struct ical_book *book, const struct ical_event *event,
                   const struct ical_library *library, struct icalrecurrencetype *rule)
{
    /* UNTIL is ours to hold: libical would compare it with a time that has no zone. */
    const struct icaltimetype until = rule->until;
    bool utc = until.zone != NULL;
    rule->until = (struct icaltimetype){0};
    icalrecur_iterator *iterator =
        library->iterator_new(*rule, time_of(event->start.local, event->start.date));
    struct ical_stamp start = event->start;
    int status = 0, turns = 0;
    if (!iterator)
        return ical_wrong(book, event->rule_line, "RRULE is no rule that ever comes true");
    if (rule->count == 0)
        skip(book, event, library, iterator);
    while (status == 0) {
        struct icaltimetype next = library->iterator_next(iterator);
        if (next.year == 0)
            break;
        start.local = local_of(&next);
        if (is_after(book, &start, &until, utc) ||
            ical_moment(book, &start) * 1000 - book->wish->before_ms >= book->wish->until_ms)
            break;
        status = ++turns > MOST_TURNS
                     ? ical_wrong(book, event->rule_line, "RRULE comes true too often")
                     : add(book, event, &start);
    }
    library->iterator_free(iterator);
    return status;
}

static bool is_listed(const short *by)
{
    return *by != ICAL_RECURRENCE_ARRAY_MAX;
}

static int expand_rule(struct ical_book *book, const struct ical_event *event)
{
    struct error error = {0};
    const struct ical_library *library = ical_load(&error);
    if (!library)
        return ical_wrong(
            book, event->rule_line, "RRULE cannot be read: %s (package libical3)", error.message);
    struct icalrecurrencetype rule = library->rule_from_string(event->rule);
    if (rule.freq < ICAL_SECONDLY_RECURRENCE || rule.freq >= ICAL_NO_RECURRENCE)
        return ical_wrong(book, event->rule_line, "RRULE is no rule: \"%.80s\"", event->rule);
    if (rule.freq < ICAL_DAILY_RECURRENCE || is_listed(rule.by_hour) || is_listed(rule.by_minute) ||
        is_listed(rule.by_second))
        return ical_wrong(book,
                          event->rule_line,
                          "RRULE by the hour or less is not understood: \"%.80s\"",
                          event->rule);
    return iterate(book, event, library, &rule);
}
#else
static int expand_rule(struct ical_book *book, const struct ical_event *event)
{
    return ical_wrong(
        book, event->rule_line, "RRULE cannot be read: this agent was built without libical");
}
#endif

int ical_expand(struct ical_book *book, const struct ical_event *event)
{
    if (event->cancelled)
        return 0;
    int status = add(book, event, &event->start);
    for (size_t i = 0; status == 0 && i < event->more_count; i++)
        status = event->more[i].date == event->start.date
                     ? add(book, event, &event->more[i])
                     : ical_wrong(book,
                                  event->more[i].line,
                                  "RDATE is a date where DTSTART is a time, or the reverse");
    return status == 0 && event->rule ? expand_rule(book, event) : status;
}
