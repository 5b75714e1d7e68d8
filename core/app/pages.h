/*
 * pages - gives back what is needed once, or now and then.
 *
 * A program of many libraries has touched megabytes of them before it does anything: relocations,
 * tables, initialisers.  A handshake with a new connection, once a minute, touches another one.
 * These pages are clean, the kernel would take them under pressure, yet they count as the agent's
 * until then.  What is needed again is read again from the page cache.
 *
 * Layer: app.  Uses: libc, io/loop.
 */
#ifndef APP_PAGES_H
#define APP_PAGES_H

#include <stddef.h>

#include "io/wait.h"

/*
 * Gives back the pages of every mapped file that nothing was written to.  Returns how many bytes of
 * mappings that concerns; zero where /proc cannot be read.  Takes two to four milliseconds of the
 * caller, up to sixteen where 30 MiB are resident (measured).  The caller must be the thread that
 * maps and unmaps: an address must not change its owner meanwhile.
 */
size_t pages_give_back(void);

/* Zeroed at first. */
struct pages {
    struct timer timer;
    struct loop *loop;
    size_t settled; /* bytes of files that are resident all the time; 0: not known yet */
    unsigned quiet; /* looks since it was given back */
};

/*
 * Gives back, and free heap as well, when the first checks have run, and again where half a megabyte
 * more of files has come, once a minute at most.
 */
void pages_watch(struct pages *pages, struct loop *loop);

void pages_stop(struct pages *pages);

#endif
