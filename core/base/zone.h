/*
 * zone - what the clock on the wall shows in a time zone.
 *
 * libc knows one zone at a time, by the environment; so the files of tzdata are read here (TZif,
 * RFC 8536): their list of changes, and after its end the rule in their footer.  A zone is read
 * once, and asks nothing later.
 *
 * Layer: base.
 */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include <stddef.h>
#include <stdint.h>

struct zone;

/*
 * Reads the zone of an IANA name, "Europe/London".  -ENOENT: there is none of that name; -EPROTO:
 * its file is none that can be read; else what reading it said.
 */
int zone_open(const char *name, struct zone **ret_zone);

/* From the bytes of such a file; NULL where they are none. */
struct zone *zone_parse(const unsigned char *bytes, size_t len);
void zone_close(struct zone *zone); /* NULL is fine */

/* Seconds that local time is ahead of UTC at that moment. */
int32_t zone_offset(const struct zone *zone, int64_t utc_seconds);

#endif
