/*
 * watchdog - ends the process when its loop has not turned for ten seconds, and notes whose code held it.
 *
 * Nothing on the loop can find out that the loop stands still, and what stands still neither watches nor
 * answers: whoever restarts the agent gets a better one.  A thread of its own looks, counting how often it
 * has woken up since the loop turned last, not how late it is: a process that was stopped, and goes on, has
 * woken up once.
 *
 * What is noted goes where crashes are noted (io/crash), so that the next start knows it; then the process
 * ends by SIGABRT, as a crash would.
 *
 * Layer: io.  Uses: base, io/crash, loop, wait.
 */
#ifndef IO_WATCHDOG_H
#define IO_WATCHDOG_H

#include <stdint.h>

struct loop;
struct watchdog;

enum { WATCHDOG_LIMIT_MS = 10000 };

/* On the loop's thread.  NULL where no thread can be had, which is logged: the agent goes on without. */
struct watchdog *watchdog_start(struct loop *loop, uint64_t limit_ms);

/* NULL is fine. */
void watchdog_stop(struct watchdog *watchdog);

#endif
