/*
 * operation - timers and watches as operations of a life.
 *
 * Layer: io.  Uses: base, io/life, io/wait.
 */
#ifndef IO_OPERATION_H
#define IO_OPERATION_H

#include <stdint.h>

#include "io/life.h"
#include "runbookd/probe.h"

/* Calls `fn` once, with zero after `ms`, or with what ended the life. */
struct op *operation_timer(struct life *life, uint64_t ms, probe_timer_fn *fn, void *data);

/* Calls `fn` whenever the descriptor, which stays the caller's, is ready, until a status below zero. */
struct op *operation_watch(struct life *life, int fd, unsigned events, probe_watch_fn *fn,
                           void *data);
void operation_rewatch(struct op *watch, unsigned events);

#endif
