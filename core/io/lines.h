/*
 * lines - whole lines to a descriptor, from a thread of its own.
 *
 * A reader that stalls must not stall the agent, whatever the descriptor is: pipe, terminal,
 * socket or file.  Lines wait in a bounded queue; what does not fit is dropped, counted, and the
 * count is taken with lines_take_dropped().  Lines go out in order, and never interleave, also not
 * with those of another writer to the same pipe as long as they are shorter than PIPE_BUF.  The
 * descriptor's flags are left as they are: others may share it.
 *
 * Layer: io.  Uses: base, libuv.
 */
#ifndef IO_LINES_H
#define IO_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct lines;

/*
 * Called on the loop, once, when the descriptor takes no more: -EPIPE, -ENOSPC, -EIO ...  From
 * then on every line is dropped.  lines_close() may be called from here.
 */
typedef void lines_broken_fn(int status, void *data);

/*
 * `max_bytes` bounds what waits.  The descriptor stays the caller's, who may close it at any time:
 * the thread has a duplicate.  It does not keep the loop running.  NULL where no thread can be
 * started.
 */
struct lines *lines_open(struct loop *loop, int fd, size_t max_bytes, lines_broken_fn *fn,
                         void *data);

/* Queues one line; the newline is added.  False: it was dropped and counted. */
bool lines_write(struct lines *lines, const char *text, size_t len);

/* How many lines were dropped since the last call; how many wait now. */
uint64_t lines_take_dropped(struct lines *lines);
size_t lines_waiting(struct lines *lines);

/*
 * Waits up to `ms` until all is written, then closes, although the reader may stall.  Returns how
 * many lines were lost: those that still waited, and those dropped since they were last taken.
 * NULL is fine.
 */
size_t lines_close(struct lines *lines, unsigned ms);

#endif
