/*
 * work - computing on a pool thread.
 *
 * For what computes, never for what may hang.  Work cannot be ended: `worked` always comes, after
 * `work` has returned, with -ECANCELED where the life has ended meanwhile or the op was cancelled;
 * whoever owns `data` frees it there.  In a life that has ended already nothing is computed, and
 * `worked` comes all the same.  loop_destroy() waits for what is at work.
 *
 * Layer: io.  Uses: base, libuv, io/life.
 */
#ifndef IO_WORK_H
#define IO_WORK_H

#include "io/life.h"
#include "runbookd/probe.h"

struct op *work_start(struct life *life, probe_work_fn *work, probe_worked_fn *worked, void *data);

#endif
