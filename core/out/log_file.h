/*
 * log_file - a file of lines that grows, is rotated, and survives whoever else rotates it.
 *
 * Lines are whole, or not there: what a full disk cut off is taken away again, and a line that an
 * earlier process left unfinished is ended before ours begin.  Where the file has been renamed or
 * removed meanwhile (logrotate), the name is opened anew by itself.  A lock of the file keeps a second writer
 * out.  Everything here blocks: it is called on a thread of its own (io/hand).
 *
 * Rotation: PATH becomes PATH.1, that PATH.2, ... up to `keep`; the oldest goes.
 *
 * Layer: out.  Uses: base.
 */
#ifndef OUT_LOG_FILE_H
#define OUT_LOG_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum log_file_sync {
    LOG_FILE_SYNC_NEVER,  /* the kernel writes when it likes */
    LOG_FILE_SYNC_ROTATE, /* a file that is complete is on disk */
    LOG_FILE_SYNC_BATCH   /* what log_file_write() has taken is on disk */
};

struct log_file {
    const char *path;
    mode_t mode;     /* of a new file */
    uint64_t rotate; /* bytes; zero: never */
    unsigned keep;   /* how many rotated ones, at least one */
    enum log_file_sync sync;
    int fd; /* below zero: it is not open */
    uint64_t size;
};

/*
 * Appends whole lines: zero, and all of them are there; or below zero, and `error` says why: they are
 * to be written once more.  Some are there already only where the file was rotated among them.
 */
int log_file_write(struct log_file *file, const char *lines, size_t len, struct error *error);

/* Closes it; the next write opens the name anew. */
void log_file_close(struct log_file *file);

#endif
