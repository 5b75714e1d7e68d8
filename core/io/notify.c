#include "io/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { LONGEST_WORD = 1024 };

struct notify {
    int fd;
    uint64_t watchdog_us;
};

/* WATCHDOG_USEC, where it is meant for this process. */
static uint64_t watchdog_of(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (!usec || (pid && strtoumax(pid, NULL, 10) != (uintmax_t)getpid()))
        return 0;
    return strtoumax(usec, NULL, 10);
}

/* A socket that talks to `path`, where "@name" has no file; -1: nobody is there. */
static int talk_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if ((*path != '/' && *path != '@') || len < 2 || len >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, len);
    if (*path == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, size) < 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

struct notify *notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    int fd = path ? talk_to(path) : -1;
    if (path && fd < 0)
        log_warn("nobody listens where NOTIFY_SOCKET points to: %s", path);
    struct notify *notify = fd < 0 ? NULL : mem_new(sizeof(*notify));
    if (notify)
        *notify = (struct notify){fd, watchdog_of()};
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    return notify;
}

void notify_close(struct notify *notify)
{
    if (!notify)
        return;
    (void)close(notify->fd);
    free(notify);
}

uint64_t notify_watchdog_us(const struct notify *notify)
{
    return notify ? notify->watchdog_us : 0;
}

void notify_say(const struct notify *notify, const char *fmt, ...)
{
    char word[LONGEST_WORD];
    va_list args;
    if (!notify)
        return;
    va_start(args, fmt);
    int len = vsnprintf(word, sizeof(word), fmt, args);
    va_end(args);
    if (len > 0)
        (void)send(notify->fd, word, strlen(word), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void notify_reloading(const struct notify *notify, uint64_t now_us)
{
    notify_say(notify, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now_us);
}
