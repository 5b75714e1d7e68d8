#include "probe/hours.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <strings.h>

#include "base/mem.h"

enum { DAY_MINUTES = 1440, DAY_SECONDS = 86400 };

/* "07:30", as minutes; -1 where it is none. */
static int read_time(const char **at)
{
    const char *text = *at;
    for (int i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : !isdigit((unsigned char)text[i]))
            return -1;
    int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    *at = text + 5;
    return minute < 60 && hour * 60 + minute <= DAY_MINUTES ? hour * 60 + minute : -1;
}

int hours_parse(const char *text, struct hours *hours)
{
    int from = read_time(&text);
    if (from < 0 || *text++ != '-')
        return -EINVAL;
    int to = read_time(&text);
    if (to < 0 || *text || from == to || from == DAY_MINUTES)
        return -EINVAL;
    hours->from = from;
    hours->to = to;
    return 0;
}

/* "MON", as 0; -1 where it is none. */
static int read_day(const char **at)
{
    static const char *const names[] = {"MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"};
    for (int i = 0; i < (int)COUNT_OF(names); i++) {
        if (strncasecmp(*at, names[i], 3) != 0)
            continue;
        *at += 3;
        return i;
    }
    return -1;
}

int hours_add_days(const char *text, struct hours *hours)
{
    unsigned days = 0;
    do {
        int first = read_day(&text), last = first;
        if (*text == '-') {
            text++;
            last = read_day(&text);
        }
        if (first < 0 || last < 0)
            return -EINVAL;
        for (int day = first; day != last; day = (day + 1) % 7)
            days |= 1u << day;
        days |= 1u << last;
    } while (*text++ == ',');
    if (text[-1])
        return -EINVAL;
    hours->days |= days;
    return 0;
}

static bool has_day(const struct hours *hours, int day)
{
    return hours->days == 0 || (hours->days >> day & 1);
}

bool hours_hold(const struct hours *hours, int64_t wall_ms)
{
    int64_t utc = wall_ms / 1000;
    int64_t local = utc + (hours->zone ? zone_offset(hours->zone, utc) : 0);
    if (local < 0)
        return false;
    int minute = (int)(local % DAY_SECONDS / 60);
    int day = (int)((local / DAY_SECONDS + 3) % 7); /* 1970-01-01 was a Thursday */
    if (hours->from == hours->to)
        return has_day(hours, day);
    if (hours->from < hours->to)
        return minute >= hours->from && minute < hours->to && has_day(hours, day);
    return (minute >= hours->from && has_day(hours, day)) ||
           (minute < hours->to && has_day(hours, (day + 6) % 7));
}
