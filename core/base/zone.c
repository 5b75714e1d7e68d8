#include "base/zone.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define FOLDER "/usr/share/zoneinfo/"

enum { DAY = 86400, MOST_BYTES = 256 << 10, LONGEST_NAME = 64, HEAD = 44 };

/* A day of the year on which clocks change, and when on that day, in seconds of local time. */
struct change {
    enum { BY_MONTH, BY_DAY, BY_DAY_WITHOUT_LEAP } kind;
    int month, week, day;
    int32_t at;
};

/* The footer: "GMT0BST,M3.5.0/1,M10.5.0". */
struct rule {
    bool known, saves; /* whether there is one; whether it has summer time */
    int32_t standard, summer;
    struct change begins, ends;
};

struct zone {
    size_t count;
    int64_t *times;   /* when the clocks change, in UTC ... */
    int32_t *offsets; /* ... and to what */
    int32_t before;   /* before the first of them */
    struct rule rule; /* after the last */
};

/* ---------------------------------------------------------- the footer ---- */

/* A number of at most three digits; false where there is none. */
static bool take_number(const char **at, int *ret)
{
    int number = 0, digits = 0;
    for (; isdigit((unsigned char)**at) && digits < 3; (*at)++, digits++)
        number = 10 * number + (**at - '0');
    *ret = number;
    return digits > 0;
}

static bool take(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* "5", "-3:30", "1:00:00", in seconds. */
static bool take_time(const char **at, int32_t *ret)
{
    bool back = take(at, '-');
    int hours = 0, minutes = 0, seconds = 0;
    if (!back)
        (void)take(at, '+');
    if (!take_number(at, &hours) || (take(at, ':') && !take_number(at, &minutes)) ||
        (take(at, ':') && !take_number(at, &seconds)))
        return false;
    *ret = (hours * 60 + minutes) * 60 + seconds;
    if (back)
        *ret = -*ret;
    return true;
}

/* "GMT", "<+0330>" */
static bool skip_name(const char **at)
{
    const char *from = *at;
    if (take(at, '<')) {
        while (**at && **at != '>')
            (*at)++;
        return take(at, '>');
    }
    while (isalpha((unsigned char)**at))
        (*at)++;
    return *at > from;
}

/* ",M3.5.0/1", ",J60", ",300/25" */
static bool take_change(const char **at, struct change *ret)
{
    *ret = (struct change){.kind = BY_DAY, .at = 2 * 3600};
    if (!take(at, ','))
        return false;
    if (take(at, 'M')) {
        ret->kind = BY_MONTH;
        if (!take_number(at, &ret->month) || !take(at, '.') || !take_number(at, &ret->week) ||
            !take(at, '.') || !take_number(at, &ret->day) || ret->month < 1 || ret->month > 12 ||
            ret->week < 1 || ret->week > 5 || ret->day > 6)
            return false;
    } else {
        if (take(at, 'J'))
            ret->kind = BY_DAY_WITHOUT_LEAP;
        if (!take_number(at, &ret->day) || ret->day > 365)
            return false;
    }
    return !take(at, '/') || take_time(at, &ret->at);
}

/* False where it is none; an empty one is none that is known, and fine. */
static bool read_rule(const char *at, struct rule *rule)
{
    if (!*at)
        return true;
    if (!skip_name(&at) || !take_time(&at, &rule->standard))
        return false;
    rule->standard = -rule->standard; /* POSIX counts to the west */
    rule->known = true;
    if (!*at)
        return true;
    rule->saves = true;
    rule->summer = rule->standard + 3600;
    if (!skip_name(&at))
        return false;
    if (*at != ',') {
        if (!take_time(&at, &rule->summer))
            return false;
        rule->summer = -rule->summer;
    }
    return take_change(&at, &rule->begins) && take_change(&at, &rule->ends) && !*at;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Midnight of a date, as if local time were UTC. */
static int64_t midnight(int year, int month, int day)
{
    return timegm(&(struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day});
}

/* When the change comes in that year, in seconds of local time. */
static int64_t change_in(const struct change *change, int year)
{
    if (change->kind == BY_DAY)
        return midnight(year, 1, 1) + (int64_t)change->day * DAY + change->at;
    if (change->kind == BY_DAY_WITHOUT_LEAP) {
        int leap = is_leap(year) && change->day >= 60;
        return midnight(year, 1, 1) + (int64_t)(change->day - 1 + leap) * DAY + change->at;
    }
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int length = lengths[change->month - 1] + (change->month == 2 && is_leap(year));
    int64_t first = midnight(year, change->month, 1);
    int weekday = (int)((first / DAY + 4) % 7); /* 1970-01-01 was a Thursday */
    if (weekday < 0)
        weekday += 7;
    int day = (change->day - weekday + 7) % 7 + 7 * (change->week - 1);
    while (day >= length) /* the fifth is the last */
        day -= 7;
    return first + (int64_t)day * DAY + change->at;
}

static int32_t offset_by_rule(const struct rule *rule, int64_t utc)
{
    struct tm tm;
    time_t local = (time_t)(utc + rule->standard);
    if (!rule->saves || !gmtime_r(&local, &tm))
        return rule->standard;
    int64_t begins = change_in(&rule->begins, tm.tm_year + 1900) - rule->standard;
    int64_t ends = change_in(&rule->ends, tm.tm_year + 1900) - rule->summer;
    bool summer = begins < ends ? utc >= begins && utc < ends : utc >= begins || utc < ends;
    return summer ? rule->summer : rule->standard;
}

/* ------------------------------------------------------------ the file ---- */

static int64_t number_at(const unsigned char *at, size_t bytes)
{
    uint64_t number = *at & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | at[i];
    return (int64_t)number;
}

struct counts {
    size_t utc, standard, leaps, times, types, chars;
};

/* How long the block is that the head at `at` announces, with times of so many bytes; zero: none. */
static size_t read_head(const unsigned char *at, size_t left, size_t width, struct counts *ret)
{
    size_t counts[6];
    if (left < HEAD || memcmp(at, "TZif", 4) != 0 || at[4] < '2')
        return 0;
    for (size_t i = 0; i < 6; i++) {
        counts[i] = (size_t)number_at(at + 20 + 4 * i, 4);
        if (counts[i] > MOST_BYTES)
            return 0;
    }
    *ret = (struct counts){counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]};
    size_t len = ret->times * (width + 1) + ret->types * 6 + ret->chars + ret->leaps * (width + 4) +
                 ret->standard + ret->utc;
    return left - HEAD >= len && ret->types ? HEAD + len : 0;
}

static bool read_changes(struct zone *zone, const unsigned char *at, const struct counts *counts)
{
    const unsigned char *kinds = at + 8 * counts->times, *types = kinds + counts->times;
    zone->count = counts->times;
    zone->times = mem_array(zone->count + 1, sizeof(*zone->times));
    zone->offsets = mem_array(zone->count + 1, sizeof(*zone->offsets));
    zone->before = (int32_t)number_at(types, 4);
    for (size_t i = 0; i < zone->count; i++) {
        if (kinds[i] >= counts->types)
            return false;
        zone->times[i] = number_at(at + 8 * i, 8);
        zone->offsets[i] = (int32_t)number_at(types + (size_t)6 * kinds[i], 4);
        if (i && zone->times[i] <= zone->times[i - 1])
            return false;
    }
    return true;
}

struct zone *zone_parse(const unsigned char *bytes, size_t len)
{
    struct counts counts;
    size_t first = read_head(bytes, len, 4, &counts);
    size_t second = first ? read_head(bytes + first, len - first, 8, &counts) : 0;
    const unsigned char *footer = bytes + first + second;
    size_t left = len - first - second;
    const unsigned char *end = second && left ? memchr(footer + 1, '\n', left - 1) : NULL;
    if (!end || *footer != '\n')
        return NULL;
    MEM_AUTO char *rule = mem_copy_n((const char *)footer + 1, (size_t)(end - footer) - 1);
    struct zone *zone = mem_new(sizeof(*zone));
    if (read_changes(zone, bytes + first + HEAD, &counts) && read_rule(rule, &zone->rule))
        return zone;
    zone_close(zone);
    return NULL;
}

void zone_close(struct zone *zone)
{
    if (!zone)
        return;
    free(zone->times);
    free(zone->offsets);
    free(zone);
}

/* Folder/City: nothing that leads out of the folder. */
static bool is_name(const char *name)
{
    if (strlen(name) > LONGEST_NAME || !isalpha((unsigned char)*name))
        return false;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("/_+-", *c))
            return false;
    return true;
}

/* The whole file into `room` bytes; how many there were, or a negative errno value. */
static ssize_t read_file(const char *path, unsigned char *bytes, size_t room)
{
    size_t len = 0;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (len < room && (got = read(fd, bytes + len, room - len)) > 0)
        len += (size_t)got;
    int error = errno;
    (void)close(fd);
    return got < 0 ? -error : (ssize_t)len;
}

int zone_open(const char *name, struct zone **ret_zone)
{
    if (!is_name(name))
        return -ENOENT;
    MEM_AUTO char *path = mem_print("%s%s", FOLDER, name);
    MEM_AUTO unsigned char *bytes = mem_new(MOST_BYTES);
    ssize_t len = read_file(path, bytes, MOST_BYTES);
    if (len < 0) /* a folder is no zone either */
        return len == -EISDIR || len == -ENOTDIR ? -ENOENT : (int)len;
    struct zone *zone = zone_parse(bytes, (size_t)len);
    if (!zone)
        return -EPROTO;
    *ret_zone = zone;
    return 0;
}

/* ------------------------------------------------------------- asking ---- */

int32_t zone_offset(const struct zone *zone, int64_t utc_seconds)
{
    size_t low = 0, high = zone->count; /* the first change that is later */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->times[middle] <= utc_seconds)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->count && zone->rule.known)
        return offset_by_rule(&zone->rule, utc_seconds);
    return low ? zone->offsets[low - 1] : zone->before;
}
