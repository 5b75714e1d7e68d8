#include "io/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/program.h"

void worker_write(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t count = write(fd, bytes, len);
        if (count < 0 && errno != EINTR)
            _exit(1);
        bytes += count > 0 ? count : 0;
        len -= count > 0 ? (size_t)count : 0;
    }
}

static char *read_request(int fd, struct unpack *ret_request)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *bytes = mem_new(size > 0 ? (size_t)size : 1);
    ssize_t len = pread(fd, bytes, size > 0 ? (size_t)size : 0, 0);
    *ret_request = (struct unpack){.at = bytes, .end = bytes + (len > 0 ? len : 0)};
    return bytes;
}

/* ------------------------------------------------------------- programs ---- */

static int become(const char *user)
{
    if (!*user)
        return 0;
    const struct passwd *entry = getpwnam(user);
    if (!entry)
        return -ENOENT;
    if (entry->pw_uid == geteuid())
        return 0;
    if (initgroups(user, entry->pw_gid) < 0 || setgid(entry->pw_gid) < 0 ||
        setuid(entry->pw_uid) < 0)
        return -errno;
    return 0;
}

static char **take_strings(struct unpack *request)
{
    int64_t count = unpack_int(request);
    char **strings = mem_array((size_t)count + 1, sizeof(*strings));
    for (int64_t i = 0; i < count; i++)
        strings[i] = mem_copy(unpack_string(request));
    return strings;
}

/* Only if it cannot become the program it returns: why. */
static int exec_program(struct unpack *request)
{
    const char *directory = unpack_string(request), *user = unpack_string(request);
    char **digests = take_strings(request);
    char **argv = take_strings(request), **env = take_strings(request);
    int fd = request->short_of ? -EIO : program_open(argv[0], digests);
    int status = fd < 0 ? fd : become(user);
    if (status == 0 && chdir(*directory ? directory : "/") < 0)
        status = -errno;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* again: another user has lost it */
    return status < 0 ? status : program_become(fd, argv, env);
}

/* ----------------------------------------------------------- the process ---- */

/* Leaves 0, 1, 2 and the job's socket, as 3, which a program does not see. */
static void take_places(const int fds[SPAWNER_FDS])
{
    if (fds[SPAWNER_INPUT] >= 0)
        (void)dup2(fds[SPAWNER_INPUT], STDIN_FILENO);
    (void)dup2(fds[SPAWNER_OUTPUT], STDOUT_FILENO);
    if (fds[SPAWNER_ERRORS] >= 0)
        (void)dup2(fds[SPAWNER_ERRORS], STDERR_FILENO);
    if (fds[SPAWNER_JOB] != 3)
        (void)dup3(fds[SPAWNER_JOB], 3, O_CLOEXEC);
    if (close_range(4, ~0U, 0) < 0)
        for (int fd = 4; fd < 4096; fd++) /* an old kernel; all of them are close-on-exec, too */
            (void)close(fd);
}

static void become_ordinary(pid_t spawner)
{
    sigset_t none;
    struct rlimit no_core = {0};
    (void)setsid();
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != spawner)
        _exit(1);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn void worker_run(enum spawner_task task, const int fds[SPAWNER_FDS], pid_t spawner)
{
    struct unpack request;
    struct spawner_news news = {0};
    become_ordinary(spawner);
    char *bytes = read_request(fds[SPAWNER_REQUEST], &request);
    take_places(fds);
    if (task == SPAWNER_EXEC)
        news.status = exec_program(&request);
    else if (task == SPAWNER_LOOK)
        news.status = worker_look(&request, STDOUT_FILENO);
    else
        news.status = worker_follow(&request, STDOUT_FILENO);
    if (news.status < 0)
        (void)send(3, &news, sizeof(news), MSG_NOSIGNAL);
    free(bytes);
    _exit(0);
}
