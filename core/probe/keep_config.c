/* keep_config - the last good configuration, in a file beside the state: part of probe/keep. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/redact.h"
#include "probe/keep_parts.h"
#include "probe/node.h"
#include "probe/yaml.h"

static char *path_of(const char *folder, const char *suffix)
{
    return mem_print("%s/last-good.json%s", folder, suffix);
}

static int write_bytes(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t wrote = write(fd, bytes, len);
        if (wrote < 0 && errno != EINTR)
            return -errno;
        bytes += wrote > 0 ? wrote : 0;
        len -= wrote > 0 ? (size_t)wrote : 0;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* The old one stays whole until the new one is on the disk. */
static int write_config(const char *folder, const char *json, size_t len)
{
    MEM_AUTO char *path = path_of(folder, "");
    MEM_AUTO char *new = path_of(folder, ".new");
    if (!json)
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
    int fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int status = write_bytes(fd, json, len);
    (void)close(fd);
    if (status == 0 && rename(new, path) < 0)
        status = -errno;
    if (status < 0)
        (void)unlink(new);
    return status;
}

char *keep_last_good(const char *folder, size_t *ret_len)
{
    MEM_AUTO char *path = path_of(folder, "");
    struct stat file = {0};
    char *json = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_size <= YAML_MOST_BYTES) {
        json = mem_new((size_t)file.st_size + 1);
        ssize_t got = read(fd, json, (size_t)file.st_size);
        *ret_len = got > 0 ? (size_t)got : 0;
    }
    (void)close(fd);
    return json;
}

/* ------------------------------------------------------ on the way there ---- */

struct letter {
    char *folder, *json;
    size_t len;
};

static int deliver(sqlite3 *db, void *data)
{
    const struct letter *letter = data;
    (void)db;
    return write_config(letter->folder, letter->json, letter->len);
}

static void on_delivered(int status, void *data)
{
    struct letter *letter = data;
    if (status < 0)
        log_error("the configuration is not kept as the last good one: %s", strerror(-status));
    free(letter->folder);
    free(letter->json);
    free(letter);
}

void keep_send_config(struct store *store, const char *folder, const struct config *config)
{
    struct text TEXT_AUTO json;
    struct writer writer;
    text_init(&json, YAML_MOST_BYTES);
    writer_init(&writer, &json);
    node_write(config->root, &writer, false);
    bool fits = !json.cut && !redact_finds(json.bytes, json.len);
    if (!fits)
        log_warn("the configuration is not kept as the last good one, since it %s",
                 json.cut ? "is too long"
                          : "holds a secret itself; write a reference: ${file:...} or ${env:...}");
    struct letter *letter = mem_new(sizeof(*letter));
    letter->folder = mem_copy(folder);
    letter->len = fits ? json.len : 0;
    letter->json = fits ? text_take(&json) : NULL;
    if (!store_do(store, deliver, on_delivered, letter))
        on_delivered(-EAGAIN, letter);
}
