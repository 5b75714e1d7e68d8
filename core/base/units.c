#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct unit {
    const char *name;
    double worth;
};

static const struct unit durations[] = {
    {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}, {"w", 604800e3}};
static const struct unit sizes[] = {
    {"B", 1},
    {"KB", 1e3},
    {"kB", 1e3},
    {"MB", 1e6},
    {"GB", 1e9},
    {"TB", 1e12},
    {"KiB", 1024.0},
    {"MiB", 1048576.0},
    {"GiB", 1073741824.0},
    {"TiB", 1099511627776.0},
};
static const struct unit periods[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};

/* Reads "12.5": digits with at most one point, no sign, no exponent. */
static int number(const char **string, double *ret)
{
    const char *at = *string;
    size_t digits = strspn(at, "0123456789");
    size_t len = digits;
    if (digits && at[len] == '.' && isdigit((unsigned char)at[len + 1]))
        len += 1 + strspn(at + len + 1, "0123456789");
    if (!digits || len > 18)
        return digits ? -ERANGE : -EINVAL;
    *ret = strtod(at, NULL);
    *string = at + len;
    return 0;
}

static const struct unit *unit_at(const char **string, const struct unit *units, size_t count)
{
    size_t len = 0;
    while (isalpha((unsigned char)(*string)[len]))
        len++;
    for (size_t i = 0; i < count; i++) {
        if (strlen(units[i].name) == len && strncmp(units[i].name, *string, len) == 0) {
            *string += len;
            return &units[i];
        }
    }
    return NULL;
}

int units_duration(const char *string, int64_t *ret_ms)
{
    double total = 0, last = INFINITY;
    if (strcmp(string, "0") == 0) {
        *ret_ms = 0;
        return 0;
    }
    do {
        double value;
        int status = number(&string, &value);
        if (status < 0)
            return status;
        const struct unit *unit = unit_at(&string, durations, COUNT_OF(durations));
        if (!unit || unit->worth >= last) /* 1h30m, never 30m1h */
            return -EINVAL;
        last = unit->worth;
        total += value * unit->worth;
    } while (*string);
    if (total > 3.2e12) /* a century */
        return -ERANGE;
    *ret_ms = (int64_t)total;
    return 0;
}

int units_bytes(const char *string, int64_t *ret_bytes)
{
    double value;
    int status = number(&string, &value);
    if (status < 0)
        return status;
    if (*string == ' ')
        string++;
    if (*string) {
        const struct unit *unit = unit_at(&string, sizes, COUNT_OF(sizes));
        if (!unit || *string)
            return -EINVAL;
        value *= unit->worth;
    }
    if (value > 9e18)
        return -ERANGE;
    *ret_bytes = (int64_t)value;
    return 0;
}

int units_rate(const char *string, double *ret_per_second)
{
    double value;
    int status = number(&string, &value);
    if (status < 0)
        return status;
    if (*string++ != '/')
        return -EINVAL;
    const struct unit *unit = unit_at(&string, periods, COUNT_OF(periods));
    if (!unit || *string)
        return -EINVAL;
    *ret_per_second = value / unit->worth;
    return 0;
}

static void put_digits(char *at, unsigned number, unsigned count, char end)
{
    at[count] = end;
    for (; count > 0; number /= 10)
        at[--count] = (char)('0' + number % 10);
}

/* Not by gmtime_r() and printf(): every line has four of these. */
void units_print_time(int64_t wall_ms, char out[UNITS_TIME_LEN])
{
    const int64_t first = -62167219200000, last = 253402300799999; /* years 0000 and 9999 */
    wall_ms = wall_ms < first ? first : wall_ms > last ? last : wall_ms;
    uint64_t ms = (uint64_t)(wall_ms - first);
    unsigned of_day = (unsigned)(ms / 1000 % 86400);
    /* From 1 March 400 years before, in years that end with February: leap days come last. */
    unsigned days = (unsigned)(ms / 86400000) + 146097 - 60, cycle = days / 146097,
             day = days % 146097;
    unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    unsigned of_year = day - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153; /* 0: March */
    unsigned of_month = of_year - (153 * month + 2) / 5 + 1;
    year += 400 * cycle - 400 + (month >= 10);
    put_digits(out, year, 4, '-');
    put_digits(out + 5, month < 10 ? month + 3 : month - 9, 2, '-');
    put_digits(out + 8, of_month, 2, 'T');
    put_digits(out + 11, of_day / 3600, 2, ':');
    put_digits(out + 14, of_day / 60 % 60, 2, ':');
    put_digits(out + 17, of_day % 60, 2, '.');
    put_digits(out + 20, (unsigned)(ms % 1000), 3, 'Z');
    out[UNITS_TIME_LEN - 1] = '\0';
}

void units_print_duration(int64_t ms, char out[UNITS_DURATION_LEN])
{
    static const struct {
        const char *name;
        int64_t ms;
    } steps[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
    if (ms < 0)
        ms = 0;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        int64_t whole = ms / steps[i].ms;
        if (whole == 0)
            continue;
        int64_t rest = i + 1 < COUNT_OF(steps) ? ms % steps[i].ms / steps[i + 1].ms : 0;
        int len =
            snprintf(out, UNITS_DURATION_LEN, "%" PRId64 "%s", whole % 100000000, steps[i].name);
        if (rest)
            (void)snprintf(out + len,
                           UNITS_DURATION_LEN - (size_t)len,
                           "%" PRId64 "%s",
                           rest,
                           steps[i + 1].name);
        return;
    }
    (void)snprintf(out, UNITS_DURATION_LEN, "%" PRId64 "ms", ms % 1000);
}

void units_print_bytes(int64_t bytes, char *out, size_t room)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t step = 0;
    if (bytes < 1024) {
        (void)snprintf(out, room, "%" PRId64 " B", bytes);
        return;
    }
    for (value /= 1024; value >= 1024 && step + 1 < COUNT_OF(names); step++)
        value /= 1024;
    (void)snprintf(out, room, "%.1f %s", value, names[step]);
}
