/*
 * http_after - when a server wants to be asked again.
 *
 * Layer: io.  Uses: libcurl's reading of dates.
 */
#ifndef IO_HTTP_AFTER_H
#define IO_HTTP_AFTER_H

#include <stdint.h>

/*
 * Milliseconds from `wall_ms` that a Retry-After header asks for, as seconds or as a date; zero where
 * it is neither, NULL, or in the past.
 */
int64_t http_after_ms(const char *value, int64_t wall_ms);

#endif
