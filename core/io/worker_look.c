/* A worker's look at files: one question, one packed answer; see child_look() for its reader. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/worker.h"
#include "runbookd/probe.h"

enum {
    MOST_FILES = 10000,
    MOST_NAMES = 200000,  /* read from directories for one pattern */
    LIST_BYTES = 8 << 20, /* of an answer */
    READ_BYTES = 1 << 20, /* where the plugin does not say */
    LONGEST_TARGET = 4096
};

/* ---------------------------------------------------------------- files ---- */

/* The numbers are of the file that the path leads to; of the link, where it leads nowhere. */
static int pack_file(struct text *answer, const char *path)
{
    struct stat seen;
    char target[LONGEST_TARGET];
    ssize_t len = readlink(path, target, sizeof(target) - 1);
    if (stat(path, &seen) < 0 && lstat(path, &seen) < 0)
        return -errno;
    target[len > 0 ? len : 0] = '\0';
    pack_string(answer, path);
    pack_string(answer, target);
    pack_int(answer, (int64_t)seen.st_dev);
    pack_int(answer, (int64_t)seen.st_ino);
    pack_int(answer, seen.st_mode);
    pack_int(answer, seen.st_uid);
    pack_int(answer, seen.st_size);
    pack_int(answer, (int64_t)seen.st_blocks * 512);
    pack_int(answer, (int64_t)seen.st_mtim.tv_sec * 1000 + seen.st_mtim.tv_nsec / 1000000);
    return 0;
}

/* ------------------------------------------------------------- patterns ---- */

static unsigned names_read;

/* A directory of ten million names must not cost the memory of ten million names. */
static struct dirent *read_some(void *directory)
{
    return names_read++ < MOST_NAMES ? readdir(directory) : NULL;
}

static void *open_directory(const char *path)
{
    return opendir(path);
}

static void close_directory(void *directory)
{
    (void)closedir(directory);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int worker_glob(const char *pattern, glob_t *ret_found, bool *ret_truncated)
{
    glob_t found = {.gl_opendir = open_directory,
                    .gl_readdir = read_some,
                    .gl_closedir = close_directory,
                    .gl_stat = stat,
                    .gl_lstat = lstat};
    names_read = 0;
    int status = glob(pattern, GLOB_ALTDIRFUNC | GLOB_NOSORT, NULL, &found);
    if (status == GLOB_NOSPACE)
        return -ENOMEM;
    if (found.gl_pathc > 1)
        qsort(found.gl_pathv, found.gl_pathc, sizeof(char *), by_bytes);
    *ret_truncated = names_read > MOST_NAMES;
    *ret_found = found;
    return 0;
}

static int list(struct text *answer, const char *pattern)
{
    glob_t found;
    bool truncated;
    int status = worker_glob(pattern, &found, &truncated);
    if (status < 0)
        return status;
    TEXT_AUTO struct text files;
    text_init(&files, LIST_BYTES + 4 * LONGEST_TARGET);
    int64_t count = 0;
    size_t i = 0;
    for (; i < found.gl_pathc && count < MOST_FILES && files.len < LIST_BYTES; i++)
        count += pack_file(&files, found.gl_pathv[i]) == 0; /* gone meanwhile: not there */
    pack_int(answer, truncated || i < found.gl_pathc);
    pack_int(answer, count);
    text_add_n(answer, files.bytes, files.len);
    globfree(&found);
    return 0;
}

/* ------------------------------------------------------------- contents ---- */

static int read_file(struct text *answer, const char *path, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    MEM_AUTO char *bytes = mem_new(max + 1); /* one more tells whether there is more */
    size_t len = 0;
    ssize_t count = 1;
    while (count > 0 && len <= max) {
        count = read(fd, bytes + len, max + 1 - len);
        len += count > 0 ? (size_t)count : 0;
    }
    int status = count < 0 ? -errno : 0;
    (void)close(fd);
    pack_int(answer, len > max);
    pack_bytes(answer, bytes, len > max ? max : len);
    return status;
}

static int stat_system(struct text *answer, const char *path)
{
    struct statvfs seen;
    if (statvfs(path, &seen) < 0)
        return -errno;
    pack_int(answer, (int64_t)(seen.f_blocks * seen.f_frsize));
    pack_int(answer, (int64_t)(seen.f_bavail * seen.f_frsize));
    pack_int(answer, (int64_t)seen.f_files);
    pack_int(answer, (int64_t)seen.f_favail);
    return 0;
}

static int look(struct text *answer, int what, const char *path, size_t max)
{
    switch (what) {
    case PROBE_LOOK_READ:
        return read_file(answer, path, max);
    case PROBE_LOOK_STAT:
        return pack_file(answer, path);
    case PROBE_LOOK_STATFS:
        return stat_system(answer, path);
    case PROBE_LOOK_LIST:
        return list(answer, path);
    default:
        return -EINVAL;
    }
}

int worker_look(struct unpack *request, int output)
{
    int what = (int)unpack_int(request);
    const char *path = unpack_string(request);
    int64_t max_bytes = unpack_int(request);
    size_t max = max_bytes ? (size_t)max_bytes : READ_BYTES;
    TEXT_AUTO struct text answer;
    text_init(&answer, max + LIST_BYTES + 16 * LONGEST_TARGET);
    int status = look(&answer, what, path, max);
    if (status == 0)
        worker_write(output, answer.bytes, answer.len);
    return status;
}
