/*
 * program - a program's file, opened once, held to its digest, and started as what was opened.
 *
 * Between the look at a path and execve() of it another file could come to stand there.  So the file is opened, it
 * and nobody else is judged (a regular file, which only root or we may write), read for its SHA-256, and executed by
 * its descriptor.  Reading may hang as everything on a file may: for workers of the spawner only.
 *
 * Layer: io.  Uses: base, OpenSSL.
 */
#ifndef IO_PROGRAM_H
#define IO_PROGRAM_H

#include <stddef.h>

enum { PROGRAM_DIGEST_LEN = 64 }; /* hex digits */

/*
 * Opens it for program_become().  `digests` are those of which its content must have one, ended by NULL; none at
 * all: any content, of a file of anybody's.  A descriptor, or -EKEYREJECTED another content, -EPERM others may
 * write it, -EACCES no regular file that may be executed, or what opening it said.
 */
int program_open(const char *path, char *const *digests);

/* Becomes it; only where it cannot it returns, with a negative errno value.  /proc is needed for scripts. */
int program_become(int fd, char *const *argv, char *const *env);

#endif
