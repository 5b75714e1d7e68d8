/*
 * log - the agent's own words, for people who run it.
 *
 * One sentence a line, redacted, damped: a sentence that comes again within a minute is counted
 * and said once with the count.  app decides where the lines go (log_to()); until then, and in
 * tests, they go to stderr.
 *
 * Layer: base.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Receives one line's text, without a newline and without secrets. */
typedef void log_fn(enum log_level level, const char *text, void *data);

/* Where lines go from now on; NULL: stderr. */
void log_to(log_fn *fn, void *data);
bool log_is_taken(void); /* lines go elsewhere than, as plain text, to stderr */

/* What is said at all; LOG_INFO at first. */
void log_set_level(enum log_level lowest);

const char *log_level_name(enum log_level level); /* "debug", "info", "warn", "error" */

__attribute__((format(printf, 1, 2))) void log_debug(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_info(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_warn(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_error(const char *fmt, ...);

#endif
