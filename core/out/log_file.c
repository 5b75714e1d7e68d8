#include "out/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* -------------------------------------------------------------- opening ---- */

static int fail(struct error *error, const char *doing, const char *path)
{
    int code = errno;
    (void)error_set(error, -code, "cannot %s %s: %s", doing, path, strerror(code));
    if (code == ENOENT || code == ENOTDIR)
        (void)error_hint(error, "make its folder, for the user the agent runs as");
    else if (code == ELOOP)
        (void)error_hint(error, "it is a symbolic link: write where it leads to");
    return error->code;
}

void log_file_close(struct log_file *file)
{
    if (file->fd < 0)
        return;
    if (file->sync != LOG_FILE_SYNC_NEVER)
        (void)fdatasync(file->fd);
    (void)close(file->fd);
    file->fd = -1;
}

/* A file that was just made has a name that outlives a power loss, too. */
static void sync_folder(const char *path)
{
    MEM_AUTO char *folder = mem_copy(path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        return;
    *(slash == folder ? slash + 1 : slash) = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

/* A FIFO that nobody reads must not hold us, so nothing waits in open(). */
static int open_or_make(const struct log_file *file)
{
    const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int fd = open(file->path, flags);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    fd = open(file->path, flags | O_CREAT | O_EXCL, file->mode);
    if (fd < 0)
        return fd;
    (void)fchmod(fd, file->mode); /* whatever the umask */
    if (file->sync != LOG_FILE_SYNC_NEVER)
        sync_folder(file->path);
    return fd;
}

static int take(struct log_file *file, struct error *error)
{
    struct stat seen;
    if (fstat(file->fd, &seen) < 0)
        return fail(error, "look at", file->path);
    if (!S_ISREG(seen.st_mode))
        return error_set(error, -EINVAL, "%s is not a regular file", file->path);
    if (flock(file->fd, LOCK_EX | LOCK_NB) < 0)
        return error_set(error, -EBUSY, "another process writes to %s", file->path);
    file->size = (uint64_t)seen.st_size;
    return 0;
}

static int ensure_open(struct log_file *file, struct error *error)
{
    if (file->fd >= 0)
        return 0;
    file->fd = open_or_make(file);
    if (file->fd < 0)
        return fail(error, "open", file->path);
    if (take(file, error) == 0)
        return 0;
    (void)close(file->fd);
    file->fd = -1;
    return error->code;
}

/* Somebody has renamed or removed it, or cut it short (copytruncate). */
static void look_whether_it_is_ours(struct log_file *file)
{
    struct stat named, open;
    if (file->fd < 0)
        return;
    if (stat(file->path, &named) < 0 || fstat(file->fd, &open) < 0 || named.st_ino != open.st_ino ||
        named.st_dev != open.st_dev)
        log_file_close(file);
    else
        file->size = (uint64_t)open.st_size;
}

/* -------------------------------------------------------------- rotating ---- */

static void rename_kept(const struct log_file *file)
{
    for (unsigned i = file->keep; i > 1; i--) {
        MEM_AUTO char *from = mem_print("%s.%u", file->path, i - 1);
        MEM_AUTO char *to = mem_print("%s.%u", file->path, i);
        (void)rename(from, to); /* there may be none yet */
    }
}

static int rotate(struct log_file *file, struct error *error)
{
    MEM_AUTO char *first = mem_print("%s.1", file->path);
    rename_kept(file);
    if (rename(file->path, first) < 0)
        return fail(error, "rotate", file->path);
    log_file_close(file);
    return ensure_open(file, error);
}

/* --------------------------------------------------------------- writing ---- */

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t count = write(fd, bytes, len);
        if (count > 0) {
            bytes += count;
            len -= (size_t)count;
        } else if (count == 0 || errno != EINTR) {
            return count == 0 ? -EIO : -errno;
        }
    }
    return 0;
}

/* An earlier process ended within a line, or could not take one back. */
static int end_a_torn_line(struct log_file *file)
{
    char last = '\n';
    if (file->size == 0 || pread(file->fd, &last, 1, (off_t)file->size - 1) < 1 || last == '\n')
        return 0;
    int status = write_all(file->fd, "\n", 1);
    if (status == 0)
        file->size++;
    return status;
}

/* All of it, or nothing. */
static int append(struct log_file *file, const char *lines, size_t len, struct error *error)
{
    int status = end_a_torn_line(file);
    if (status == 0)
        status = write_all(file->fd, lines, len);
    if (status == 0 && file->sync == LOG_FILE_SYNC_BATCH && fdatasync(file->fd) < 0)
        status = -errno;
    if (status == 0) {
        file->size += len;
        return 0;
    }
    struct stat now;
    if (ftruncate(file->fd, (off_t)file->size) < 0 && fstat(file->fd, &now) == 0)
        file->size = (uint64_t)now.st_size; /* with a torn line, which the next write ends */
    errno = -status;
    return fail(error, "write to", file->path);
}

/* As many whole lines as the file still holds; one at least into an empty one. */
static size_t portion(const struct log_file *file, const char *lines, size_t len)
{
    if (!file->rotate || file->size + len <= file->rotate)
        return len;
    size_t room = file->size < file->rotate ? (size_t)(file->rotate - file->size) : 0;
    const char *last = room ? memrchr(lines, '\n', room) : NULL;
    if (last)
        return (size_t)(last - lines) + 1;
    if (file->size > 0)
        return 0;
    const char *first = memchr(lines, '\n', len);
    return first ? (size_t)(first - lines) + 1 : len;
}

static int write_portions(struct log_file *file, const char *lines, size_t len, struct error *error)
{
    while (len > 0) {
        size_t now = portion(file, lines, len);
        int status = now ? append(file, lines, now, error) : rotate(file, error);
        if (status < 0)
            return status;
        lines += now;
        len -= now;
    }
    return 0;
}

int log_file_write(struct log_file *file, const char *lines, size_t len, struct error *error)
{
    look_whether_it_is_ours(file);
    int status = ensure_open(file, error);
    return status < 0 ? status : write_portions(file, lines, len, error);
}
