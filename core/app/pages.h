/*
 * pages - gives back what only the start needed.
 *
 * A program of many libraries has touched megabytes of them before it does anything: relocations,
 * tables, initialisers.  These pages are clean, the kernel would take them under pressure, yet they
 * count against a container's limit.  What is needed again is read again from the page cache.
 *
 * Layer: app.  Uses: libc.
 */
#ifndef APP_PAGES_H
#define APP_PAGES_H

#include <stddef.h>

/*
 * Gives back free heap, and the pages of every mapped file that nothing was written to.  Returns
 * how many bytes of mappings that concerns; zero where /proc cannot be read.  Takes some
 * milliseconds: once, when the first checks have run.
 */
size_t pages_give_back(void);

#endif
