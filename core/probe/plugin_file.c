#include "probe/plugin_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever may write the file, or replace it in its folder, runs code as us. */
int plugin_check_file(const char *path, char identity[PLUGIN_IDENTITY_LEN], struct error *error)
{
    struct stat file;
    if (path[0] != '/')
        return error_set(error, -EINVAL, "its path must be absolute");
    if (stat(path, &file) < 0)
        return error_set(error, -errno, "%s", strerror(errno));
    if (!S_ISREG(file.st_mode))
        return error_set(error, -EINVAL, "it is no regular file");
    if (file.st_uid != 0 && file.st_uid != geteuid()) {
        (void)error_set(error,
                        -EPERM,
                        "it belongs to user %u, who is neither root nor the user of this process",
                        (unsigned)file.st_uid);
        return error_hint(error, "chown root %s", path);
    }
    if (file.st_mode & (S_IWGRP | S_IWOTH)) {
        (void)error_set(error,
                        -EPERM,
                        "its group or everybody may write it (mode %04o)",
                        file.st_mode & 07777u);
        return error_hint(error, "chmod go-w %s", path);
    }
    (void)snprintf(identity,
                   PLUGIN_IDENTITY_LEN,
                   "%" PRId64 ".%" PRId64 "%09ld",
                   (int64_t)file.st_size,
                   (int64_t)file.st_mtim.tv_sec,
                   file.st_mtim.tv_nsec);
    return 0;
}

/* Who may put a file there, or take one away, decides which code runs as us. */
int plugin_check_folder(const char *folder, struct error *error)
{
    struct stat status;
    if (stat(folder, &status) < 0)
        return error_set(
            error, -errno, "cannot read the plugin folder %s: %s", folder, strerror(errno));
    if (status.st_uid != 0 && status.st_uid != geteuid()) {
        (void)error_set(
            error,
            -EPERM,
            "the plugin folder %s belongs to user %u, who is neither root nor the user of "
            "this process",
            folder,
            (unsigned)status.st_uid);
        return error_hint(error, "chown root %s", folder);
    }
    bool open = (status.st_mode & (S_IWGRP | S_IWOTH)) && !(status.st_mode & S_ISVTX);
    if (!open)
        return 0;
    (void)error_set(error,
                    -EPERM,
                    "the plugin folder %s may be written by its group or everybody (mode %04o)",
                    folder,
                    status.st_mode & 07777u);
    return error_hint(error, "chmod go-w %s", folder);
}
