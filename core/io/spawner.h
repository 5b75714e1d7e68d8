/*
 * spawner - the process that starts all others.
 *
 * It is forked before any thread exists, so that it may fork whenever it likes; it has one
 * thread, no secret and no file of the agent's.  For each request it forks a worker in a session
 * of its own.  A worker's life hangs on a socket pair, the job's: once the agent has closed its
 * end, the whole session is told to go (TERM) and, a second later, killed.  Orphans of a session
 * become the spawner's children, so none is left as a zombie, also where the agent is process 1.
 * The spawner leaves, and takes all workers with it, when the agent is gone.
 *
 * Layer: io.  Uses: base, io/worker.
 */
#ifndef IO_SPAWNER_H
#define IO_SPAWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a worker does. */
enum spawner_task { SPAWNER_EXEC = 1, SPAWNER_LOOK, SPAWNER_FOLLOW };

/* The descriptors that go with a request, in this order; with SPAWNER_EXEC all, others the first. */
enum {
    SPAWNER_REQUEST, /* a memory file: what the task is about, packed */
    SPAWNER_JOB,     /* the worker's end of the job's socket */
    SPAWNER_OUTPUT,  /* a pipe: the program's output, or the answer */
    SPAWNER_ERRORS,  /* a pipe */
    SPAWNER_KEPT,    /* the other ends of both, so that a program told to go may still write: */
    SPAWNER_KEPT_TOO,
    SPAWNER_INPUT, /* a memory file, or absent: /dev/null */
    SPAWNER_FDS
};

/* What comes back on the job's socket: the worker's word that it failed, then that it has ended. */
struct spawner_news {
    int status; /* below zero: it could not do its task, such as start the program */
    bool ended; /* then the rest is filled, too */
    int code, signal;
    int64_t duration_us, cpu_us, max_resident_bytes;
};

/* Forks the spawner.  Its socket, or a negative errno value; the process is `*ret_pid`. */
int spawner_fork(pid_t *ret_pid);

/* Asks for a worker, without waiting; the descriptors stay the caller's.  -EAGAIN: try later. */
int spawner_ask(int socket, enum spawner_task task, const int *fds, size_t count);

#endif
