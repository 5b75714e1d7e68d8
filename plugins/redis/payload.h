/*
 * payload - what can be said of a job or a session without repeating what is in it.  Pure functions,
 * any bytes are fine.
 */
#ifndef REDIS_PAYLOAD_H
#define REDIS_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A member of a JSON object, by its path: "failed_at", "passport.user".  Strings without their
 * quotes and with the plain escapes undone, anything else as it stands; false: there is none, or it
 * does not fit.
 */
bool payload_member(const char *json, const char *path, char *out, size_t room);

/* A number as a point in time since 1970, in ms; it counts seconds or milliseconds; -1: it is none. */
int64_t payload_score_ms(const char *text);

/* The first of these members (ended by NULL) that is a point in time; -1: none is. */
int64_t payload_first_time(const char *json, const char *const *paths);

/* A hash of bytes, for telling two apart and not for hiding them; goes on from an earlier one, or 0. */
uint64_t payload_mark(uint64_t before, const char *bytes, size_t len);

/*
 * An error's first line with everything taken out that may be somebody's: what stands in quotes,
 * words with digits or @ in them, long ones; at most `room` bytes.
 */
void payload_mask(const char *text, char *out, size_t room);

#endif
