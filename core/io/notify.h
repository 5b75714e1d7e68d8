/*
 * notify - what the service manager is told: systemd's protocol, of a line or two a datagram.
 *
 * Where NOTIFY_SOCKET names nobody, or nobody listens, everything here does nothing.  Nothing waits:
 * a word that the other side has no room for is lost, and the next one says it again.
 *
 * Layer: io.  Uses: base.
 */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

#include <stdint.h>

struct notify;

/*
 * From the environment, out of which what it found is taken, so that no program that is started
 * believes to be the service.  NULL where nobody is to be told.
 */
struct notify *notify_open(void);
void notify_close(struct notify *notify); /* all of these: NULL is fine */

/* How often `WATCHDOG=1` must come, in microseconds; zero: nobody waits for it. */
uint64_t notify_watchdog_us(const struct notify *notify);

/* "READY=1", "STATUS=...", several joined by newlines. */
__attribute__((format(printf, 2, 3))) void notify_say(const struct notify *notify, const char *fmt,
                                                      ...);

/* That a configuration is read again, until READY=1 is said; now_us is the monotonic clock. */
void notify_reloading(const struct notify *notify, uint64_t now_us);

#endif
