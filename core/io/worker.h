/*
 * worker - what a process does that the spawner has forked: one task, then it is gone.
 *
 * It may hang wherever the kernel lets it: the agent waits for none of this, and the spawner
 * kills it.  Its answer is packed and goes to a pipe; a program becomes the worker itself.
 *
 * Layer: io.  Uses: base, io/pack, io/program, io/spawner.
 */
#ifndef IO_WORKER_H
#define IO_WORKER_H

#include <glob.h>

#include "io/pack.h"
#include "io/spawner.h"

/* In the forked process: never returns.  `fds` are the request's, -1 where there is none. */
_Noreturn void worker_run(enum spawner_task task, const int fds[SPAWNER_FDS], pid_t spawner);

/* The tasks beside programs.  They return when they are done: zero, or a negative errno value. */
int worker_look(struct unpack *request, int output);
int worker_follow(struct unpack *request, int output);

/* What the pattern names, sorted, after globfree() no more; cut where directories are huge. */
int worker_glob(const char *pattern, glob_t *ret_found, bool *ret_truncated);

/* Writes all of it, or ends the worker: nobody reads any more. */
void worker_write(int fd, const char *bytes, size_t len);

#endif
