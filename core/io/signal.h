/*
 * signal - what the system tells the process, as callbacks on the loop.
 *
 * Layer: io.  Uses: base, io/loop.
 */
#ifndef IO_SIGNAL_H
#define IO_SIGNAL_H

struct loop;
struct signal_watch;

typedef void signal_fn(int number, void *data);

/* Calls `fn` for each signal of that number, until signal_destroy(). */
struct signal_watch *signal_create(struct loop *loop, int number, signal_fn *fn, void *data);
void signal_destroy(struct signal_watch *watch); /* NULL is fine */

#endif
