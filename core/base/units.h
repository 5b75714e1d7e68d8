/*
 * units - durations, sizes, rates and times as people write them.
 *
 * Each parser takes the whole string or refuses it: zero, or -EINVAL for words that are none,
 * -ERANGE for a number too large.  Results are set on success only.
 *
 * Layer: base.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* "250ms", "5s", "90m", "1h30m", "7d", "0": milliseconds.  A bare number other than 0 is refused. */
int units_duration(const char *string, int64_t *ret_ms);

/* "64KiB", "15MiB", "2GB", "4096": bytes.  K, M, G, T with iB count by 1024, with B by 1000. */
int units_bytes(const char *string, int64_t *ret_bytes);

/* "2/s", "10/m", "100/h": per second. */
int units_rate(const char *string, double *ret_per_second);

enum {
    UNITS_TIME_LEN = 25,    /* "2026-11-21T02:58:02.118Z" and its NUL */
    UNITS_DURATION_LEN = 16 /* enough for every result of units_print_duration() */
};

/* What follows a word that is counted: "1 check", "2 checks". */
static inline const char *units_s(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* Milliseconds since 1970 as RFC 3339 in UTC; years outside 0 to 9999 are held to that range. */
void units_print_time(int64_t wall_ms, char out[UNITS_TIME_LEN]);

/* A duration for people, its two largest units: "850ms", "42s", "3m12s", "14h", "2d4h". */
void units_print_duration(int64_t ms, char out[UNITS_DURATION_LEN]);

/* A size for people: "512 B", "15.0 KiB", "3.2 GiB". */
void units_print_bytes(int64_t bytes, char *out, size_t room);

#endif
