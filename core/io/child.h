/*
 * child - programs, looks at files and followed files, in processes that can be killed.
 *
 * The kernel may hang on a file (a dead mount) and on starting a program; so neither the loop nor
 * the pool ever touches one.  A small process, forked before any thread exists, forks a worker
 * for each request (io/spawner.h); the worker does the work or becomes the program, and is killed
 * with its whole session when the operation ends, at once for the caller, in its own time behind.
 *
 * Callbacks always get a struct, also with a status below zero: with what a program had written
 * until its deadline, otherwise empty.  -ENOSYS: child_start() was not called; -EPIPE: the
 * spawner died; -EIO: the worker did.
 *
 * Layer: io.  Uses: base, io/job, io/life, io/secret.
 */
#ifndef IO_CHILD_H
#define IO_CHILD_H

#include "io/life.h"
#include "runbookd/probe.h"

/*
 * Forks the process that starts all others: once, early in main(), before any thread and before
 * any secret is read.  Zero or a negative errno value.
 */
int child_start(void);

/* Ends it and all workers: TERM, KILL a second later; returns when it is gone. */
void child_stop(void);

/* A program that may be started, as an operator allows it. */
struct child_permit {
    const char *program; /* an absolute path */
    const char *sha256;  /* of its content, 64 hex digits; NULL: whatever it holds */
};

/*
 * Which programs child_exec() may start, ended by { 0 }; copied.  None at first.  One that stands there several
 * times may have each of these contents.
 */
void child_allow(const struct child_permit *permits);

/*
 * Runs a program that is allowed (-EACCES otherwise).  The file that is opened is held to its digest and to who may
 * write it, and executed by its descriptor: -EKEYREJECTED it is another one than was allowed, -EPERM others may
 * write it (io/program).  One that cannot be started ends with why: -ENOENT, -EACCES, -ENOEXEC; for its user
 * -ENOENT or -EPERM; -ENOKEY where a secret cannot be read.  It is over when the program is: what it left running in its session is ended as well,
 * a daemon that began a session of its own is not.  Its input is a file, not a pipe.
 */
struct op *child_exec(struct life *life, const struct probe_command *command, probe_exec_fn *fn,
                      void *data);

/*
 * Numbers of a symbolic link are those of the file that it leads to, or its own where it leads
 * nowhere.  At most 10,000 files of a pattern, 64 MiB of a file; a pattern that nothing matches
 * is no error.
 */
struct op *child_look(struct life *life, enum probe_look what, const char *path, int64_t max_bytes,
                      probe_look_fn *fn, void *data);

/*
 * Looks at its files four times a second.  A file that was renamed or removed is read to its end
 * and for 10 s more; one that was cut is read from its beginning.  A mark names a hundred files at
 * least; it may be from another day: what was written since comes, also what was renamed since,
 * as far as max_backlog goes.  Ends with -EMFILE where the pattern names more than 1,000 files.
 */
struct op *child_follow(struct life *life, const struct probe_tail *tail, probe_follow_fn *fn,
                        void *data);

#endif
