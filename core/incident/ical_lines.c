/*
 * ical_lines - a calendar's lines, to events.
 *
 * Layer: incident.  Part of incident/ical.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"
#include "incident/ical_parts.h"

enum { MOST_DEPTH = 8, MOST_ZONES = 100, MOST_TIMES = 5000, LONGEST_NAME = 64 };

/* One content line, unfolded: NAME;TZID=...;VALUE=...:VALUE */
struct property {
    unsigned line;
    char *name, *value; /* in the reader's line */
    char *tzid, *kind, *range;
};

struct reader {
    struct ical_book *book;
    const char *at, *end;
    unsigned line; /* of what is read next */
    char *text;    /* the line that was read last; room for all of the bytes */
    unsigned depth;
    char names[MOST_DEPTH][LONGEST_NAME]; /* of what is open */
    unsigned begun[MOST_DEPTH];
    struct ical_event *event; /* that is open; NULL: none */
    bool over;                /* the calendar has ended */
};

/* ------------------------------------------------------------------- lines ---- */

/* Reads one line with those that go on with it; false: there is none. */
static bool next_line(struct reader *reader, struct property *property)
{
    size_t len = 0;
    *property = (struct property){.line = reader->line};
    if (reader->at == reader->end)
        return false;
    for (;;) {
        const char *stop = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
        const char *last = stop ? stop : reader->end;
        size_t part = (size_t)(last - reader->at);
        memcpy(reader->text + len, reader->at, part);
        len += part;
        if (len && reader->text[len - 1] == '\r')
            len--;
        reader->at = stop ? stop + 1 : reader->end;
        reader->line++;
        if (reader->at == reader->end || (*reader->at != ' ' && *reader->at != '\t'))
            break;
        reader->at++;
    }
    reader->text[len] = '\0';
    return true;
}

/* The end of a parameter's value, which may stand in quotes; a quote of its own ends it before. */
static char *end_of_value(char *at, char **ret_value)
{
    if (*at != '"') {
        *ret_value = at;
        return at + strcspn(at, ";:");
    }
    *ret_value = ++at;
    at += strcspn(at, "\"");
    if (*at)
        *at++ = '\0';
    return at;
}

/* Takes the line apart, in its own room.  False: it is none. */
static bool split(char *text, struct property *property)
{
    property->name = text;
    char *at = text + strcspn(text, ";:");
    while (*at == ';') {
        *at++ = '\0';
        char *key = at, *value;
        at += strcspn(at, "=;:");
        if (*at != '=')
            return false;
        *at++ = '\0';
        at = end_of_value(at, &value);
        if (strcasecmp(key, "TZID") == 0)
            property->tzid = value;
        else if (strcasecmp(key, "VALUE") == 0)
            property->kind = value;
        else if (strcasecmp(key, "RANGE") == 0)
            property->range = value;
        if (*at != ';' && *at != ':')
            return false;
        if (*at == ':')
            break;
    }
    if (*at != ':')
        return false;
    *at++ = '\0';
    property->value = at;
    return *property->name != '\0';
}

/* ------------------------------------------------------------------- times ---- */

static int find_zone(struct ical_book *book, const struct property *property,
                     const struct zone **ret)
{
    struct zone *zone = NULL;
    for (size_t i = 0; i < book->zone_count; i++)
        if (strcmp(book->zones[i].name, property->tzid) == 0) {
            *ret = book->zones[i].zone;
            return 0;
        }
    if (book->zone_count == MOST_ZONES)
        return ical_wrong(book, property->line, "there are more than %d time zones", MOST_ZONES);
    if (zone_open(property->tzid, &zone) < 0)
        return ical_wrong(book,
                          property->line,
                          "\"%.60s\" is no time zone of tzdata, such as Europe/London",
                          property->tzid);
    book->zones = mem_resize(book->zones, (book->zone_count + 1) * sizeof(*book->zones));
    book->zones[book->zone_count++] = (struct ical_zone){mem_copy(property->tzid), zone};
    *ret = zone;
    return 0;
}

/* `count` digits; -1 where they are none. */
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

/* "20261120", "20261120T080000" or "20261120T080000Z"; false: it is none of them. */
static bool read_stamp(const char *text, size_t len, struct ical_stamp *stamp)
{
    const char *at = text;
    int year = digits(&at, 4), month = year < 0 ? -1 : digits(&at, 2);
    int day = month < 0 ? -1 : digits(&at, 2), hour = 0, minute = 0, second = 0;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    stamp->date = at == text + len;
    if (!stamp->date) {
        hour = *at++ == 'T' ? digits(&at, 2) : -1;
        minute = hour < 0 ? -1 : digits(&at, 2);
        second = minute < 0 ? -1 : digits(&at, 2);
        stamp->utc = *at == 'Z';
        at += stamp->utc;
    }
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second == 60 ? 59 : second};
    bool fits = at == text + len && hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 &&
                second >= 0 && second <= 60;
    stamp->local = fits ? (int64_t)timegm(&tm) : 0;
    stamp->set = true;
    return fits && tm.tm_mday == day; /* not the 31st of a shorter month */
}

static int take_stamp(struct reader *reader, const struct property *property, const char *text,
                      size_t len, struct ical_stamp *ret)
{
    struct ical_stamp stamp = {.line = property->line};
    bool as_date = property->kind && strcasecmp(property->kind, "DATE") == 0;
    if (!read_stamp(text, len, &stamp) || (as_date && !stamp.date))
        return ical_wrong(
            reader->book, property->line, "%.30s is no time: \"%.40s\"", property->name, text);
    if (property->tzid && !stamp.utc && !stamp.date) {
        int status = find_zone(reader->book, property, &stamp.zone);
        if (status < 0)
            return status;
    }
    *ret = stamp;
    return 0;
}

/* Times that are listed, between commas. */
static int take_list(struct reader *reader, const struct property *property,
                     struct ical_stamp **list, size_t *count)
{
    for (const char *at = property->value;; at++) {
        size_t len = strcspn(at, ",");
        if (*count == MOST_TIMES)
            return ical_wrong(
                reader->book, property->line, "there are more than %d times", MOST_TIMES);
        *list = mem_resize(*list, (*count + 1) * sizeof(**list));
        int status = take_stamp(reader, property, at, len, &(*list)[*count]);
        if (status < 0)
            return status;
        (*count)++;
        at += len;
        if (!*at)
            return 0;
    }
}

/* "P1DT2H30M", "P2W"; below zero: it is none, or goes backwards. */
static int64_t read_duration(const char *at)
{
    static const struct {
        char letter;
        bool of_time;
        int64_t seconds;
    } units[] = {{'W', false, 604800},
                 {'D', false, 86400},
                 {'H', true, 3600},
                 {'M', true, 60},
                 {'S', true, 1}};
    int64_t total = 0;
    bool time = false, any = false;
    at += *at == '+';
    if (*at++ != 'P')
        return -1;
    while (*at) {
        if (*at == 'T' && !time) {
            time = true;
            at++;
            continue;
        }
        char *end = NULL;
        long value = isdigit((unsigned char)*at) ? strtol(at, &end, 10) : -1;
        int64_t unit = 0;
        for (size_t i = 0; value >= 0 && i < COUNT_OF(units); i++)
            if (*end == units[i].letter && time == units[i].of_time)
                unit = units[i].seconds;
        if (unit == 0 || value > 100000)
            return -1;
        total += value * unit;
        any = true;
        at = end + 1;
    }
    return any ? total : -1;
}

/* ------------------------------------------------------------------ events ---- */

static int take_rule(struct reader *reader, const struct property *property)
{
    struct ical_event *event = reader->event;
    if (event->rule)
        return ical_wrong(reader->book, property->line, "there are two rules of recurrence");
    event->rule = mem_copy(property->value);
    event->rule_line = property->line;
    return 0;
}

static int take_once(struct reader *reader, const struct property *property,
                     struct ical_stamp *stamp)
{
    if (stamp->set)
        return ical_wrong(reader->book, property->line, "there is a second %.30s", property->name);
    return take_stamp(reader, property, property->value, strlen(property->value), stamp);
}

static int take_property(struct reader *reader, const struct property *property)
{
    struct ical_event *event = reader->event;
    const char *name = property->name;
    if (strcasecmp(name, "DTSTART") == 0)
        return take_once(reader, property, &event->start);
    if (strcasecmp(name, "DTEND") == 0)
        return take_once(reader, property, &event->end);
    if (strcasecmp(name, "RECURRENCE-ID") == 0)
        return property->range ? ical_wrong(reader->book, property->line, "RANGE is not understood")
                               : take_once(reader, property, &event->replaces);
    if (strcasecmp(name, "RRULE") == 0)
        return take_rule(reader, property);
    if (strcasecmp(name, "EXRULE") == 0)
        return ical_wrong(reader->book, property->line, "EXRULE is not understood: write EXDATE");
    if (strcasecmp(name, "RDATE") == 0)
        return take_list(reader, property, &event->more, &event->more_count);
    if (strcasecmp(name, "EXDATE") == 0)
        return take_list(reader, property, &event->except, &event->except_count);
    if (strcasecmp(name, "DURATION") == 0) {
        event->duration = read_duration(property->value);
        return event->duration >= 0
                   ? 0
                   : ical_wrong(
                         reader->book, property->line, "\"%.40s\" is no duration", property->value);
    }
    if (strcasecmp(name, "UID") == 0 && !event->uid)
        event->uid = mem_copy(property->value);
    if (strcasecmp(name, "STATUS") == 0)
        event->cancelled = strcasecmp(property->value, "CANCELLED") == 0;
    return 0;
}

static int begin(struct reader *reader, const struct property *property)
{
    struct ical_book *book = reader->book;
    bool calendar = strcasecmp(property->value, "VCALENDAR") == 0;
    if (reader->depth == MOST_DEPTH || strlen(property->value) >= LONGEST_NAME)
        return ical_wrong(book, property->line, "BEGIN is none that can be read");
    if (calendar != (reader->depth == 0))
        return ical_wrong(book, property->line, "BEGIN:%.40s is in no place", property->value);
    (void)snprintf(reader->names[reader->depth], LONGEST_NAME, "%s", property->value);
    reader->begun[reader->depth++] = property->line;
    if (reader->depth != 2 || strcasecmp(property->value, "VEVENT") != 0)
        return 0;
    if (book->event_count == ICAL_MOST_EVENTS)
        return ical_wrong(
            book, property->line, "there are more than %d events", (int)ICAL_MOST_EVENTS);
    book->events = mem_resize(book->events, (book->event_count + 1) * sizeof(*book->events));
    reader->event = &book->events[book->event_count++];
    *reader->event = (struct ical_event){.line = property->line, .duration = -1};
    return 0;
}

static int end(struct reader *reader, const struct property *property)
{
    struct ical_event *event = reader->event;
    if (reader->depth == 0 || strcasecmp(reader->names[reader->depth - 1], property->value) != 0)
        return ical_wrong(reader->book, property->line, "END:%.40s ends nothing", property->value);
    reader->depth--;
    reader->over = reader->depth == 0;
    if (reader->depth != 1 || !event)
        return 0;
    reader->event = NULL;
    if (!event->start.set)
        return ical_wrong(reader->book, event->line, "the event has no DTSTART");
    if (event->end.set && event->end.date != event->start.date)
        return ical_wrong(reader->book,
                          event->end.line,
                          "DTEND is a date where DTSTART is a time, or the reverse");
    return 0;
}

static int take(struct reader *reader, const struct property *property)
{
    if (reader->over && strcasecmp(property->name, "BEGIN") != 0)
        return ical_wrong(reader->book, property->line, "something follows END:VCALENDAR");
    if (strcasecmp(property->name, "BEGIN") == 0)
        return begin(reader, property);
    if (reader->depth == 0)
        return ical_wrong(
            reader->book, property->line, "is no calendar: it begins with BEGIN:VCALENDAR");
    if (strcasecmp(property->name, "END") == 0)
        return end(reader, property);
    return reader->event && reader->depth == 2 ? take_property(reader, property) : 0;
}

int ical_read_events(struct ical_book *book)
{
    const struct ical_wish *wish = book->wish;
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, as some editors write it */
    struct reader reader = {.book = book, .at = wish->bytes, .end = wish->bytes + wish->len};
    struct property property;
    int status = 0;
    if (wish->len > ICAL_MOST_BYTES)
        return ical_wrong(book, 1, "is larger than %d MiB", ICAL_MOST_BYTES >> 20);
    if (memchr(wish->bytes, '\0', wish->len))
        return ical_wrong(book, 1, "is no text");
    if (wish->len >= 3 && memcmp(wish->bytes, mark, 3) == 0)
        reader.at += 3;
    reader.line = 1;
    reader.text = mem_new(wish->len + 1);
    while (status == 0 && next_line(&reader, &property)) {
        if (!*reader.text)
            continue;
        status = split(reader.text, &property)
                     ? take(&reader, &property)
                     : ical_wrong(book, property.line, "is no line of a calendar");
    }
    if (status == 0 && reader.depth)
        status = ical_wrong(book,
                            reader.begun[reader.depth - 1],
                            "BEGIN:%.40s has no end: is the file whole?",
                            reader.names[reader.depth - 1]);
    else if (status == 0 && !reader.over)
        status = ical_wrong(book, 1, "is empty");
    free(reader.text);
    return status;
}
