/*
 * isolation - whether the agent itself is cut off: "agent.connectivity:".
 *
 * Reference addresses are looked at every 10 s, and at once where a target on the network seems to
 * fail; one that does not answer within a second is not reached.  A name that is looked up goes to
 * a name server each time, and a URL is reached when any HTTP answer comes.  While `isolated_when`
 * holds the agent is isolated: it says so once, and once when that has ended.
 *
 * Layer: probe.  Uses: base, io/http, resolve, stream, probe/config, event.
 */
#ifndef PROBE_ISOLATION_H
#define PROBE_ISOLATION_H

#include "base/list.h"
#include "io/wait.h"
#include "probe/config.h"
#include "probe/event.h"

struct isolation;

/* `fn` is called when the agent is connected again.  `bus` is borrowed. */
struct isolation *isolation_create(struct loop *loop, struct bus *bus, void (*fn)(void *data),
                                   void *data);
void isolation_destroy(struct isolation *isolation); /* NULL is fine */

/* Goes by this configuration from now on, and holds it. */
void isolation_use(struct isolation *isolation, struct config *config);

/* Begins to look; without references nothing is ever asked, and the agent is never isolated. */
void isolation_start(struct isolation *isolation);

bool isolation_holds(const struct isolation *isolation);

/*
 * Something may fail in `ms`: looks now, unless what the last look saw will still be believed then,
 * so that nobody has to wait for it.
 */
enum { ISOLATION_DOUBT_MS = 1500 }; /* before a deadline: a look and some room */
void isolation_doubt(struct isolation *isolation, uint64_t ms);

/* Somebody who waits for a look to end.  Zeroed at first. */
struct isolation_wait {
    struct list link;
    struct timer limit;
    struct isolation *isolation;
    void (*fn)(void *data);
    void *data;
};

/*
 * Calls `fn` when it is known whether the agent is isolated, after 500 ms at most, and returns
 * true; or, where that is known, false.
 */
bool isolation_await(struct isolation *isolation, struct isolation_wait *wait,
                     void (*fn)(void *data), void *data);
void isolation_cancel(struct isolation_wait *wait); /* at any time */

/* Writes "connectivity": {"reached": 3, "of": 3}, where anything is asked and known. */
void isolation_write(const struct isolation *isolation, struct writer *writer);

#endif
