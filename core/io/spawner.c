#include "io/spawner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/worker.h"

enum {
    MOST_WORKERS = 512, /* those that cannot be killed as well: the kernel holds on to them */
    GRACE_US = 1000000, /* between TERM and KILL */
    AGAIN_US = 100000,  /* after a KILL, growing */
    LONGEST_US = 10000000,
    SPAWNER_GOES = SIGUSR1 /* the agent is dead */
};

struct worker {
    pid_t pid;           /* and its session */
    int job;             /* -1: the agent has closed its end, or was told of the worker's */
    int kept[2];         /* the agent's ends of a program's pipes, or -1 */
    uint64_t started_us; /* on the monotonic clock */
    uint64_t kill_at_us; /* zero: nobody has told it to go */
    uint64_t pause_us;
    bool alone; /* it starts no other process, so its session need not be looked for */
    bool ended; /* and waited for: what is left of its session goes */
};

static struct {
    int socket;
    int signals;
    pid_t self;
    struct worker workers[MOST_WORKERS];
    size_t count;
    bool leaving; /* as soon as no worker is left, or at: */
    uint64_t leave_at_us;
} spawner;

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* --------------------------------------------------------------- going ---- */

/* Signals a worker's session but for the worker, and says how many were there. */
static unsigned signal_members(pid_t session, int number)
{
    unsigned members = 0;
    DIR *processes = opendir("/proc");
    if (!processes)
        return kill(-session, number) == 0;
    for (struct dirent *entry; (entry = readdir(processes));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || pid == session || getsid(pid) != session)
            continue;
        members++;
        (void)kill(pid, number);
    }
    (void)closedir(processes);
    return members;
}

/* The worker last, so that what it starts to end in order is left in peace. */
static unsigned signal_session(const struct worker *worker, int number)
{
    unsigned members = worker->alone ? 0 : signal_members(worker->pid, number);
    if (!worker->ended)
        (void)kill(worker->pid, number);
    return members;
}

static void tell_to_go(struct worker *worker)
{
    if (worker->kill_at_us)
        return;
    (void)signal_session(worker, SIGTERM);
    worker->kill_at_us = now_us() + GRACE_US;
    worker->pause_us = AGAIN_US;
}

static void kill_now(struct worker *worker)
{
    (void)signal_session(worker, SIGKILL);
    worker->kill_at_us = now_us() + worker->pause_us;
    if (worker->pause_us < LONGEST_US)
        worker->pause_us *= 2;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void leave(void)
{
    if (spawner.leaving)
        return;
    spawner.leaving = true;
    spawner.leave_at_us = now_us() + 2 * GRACE_US;
    for (size_t i = 0; i < spawner.count; i++)
        tell_to_go(&spawner.workers[i]);
}

/* -------------------------------------------------------------- ending ---- */

static int64_t in_us(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

static void report(struct worker *worker, int status, const struct rusage *usage)
{
    struct spawner_news news = {
        .ended = true,
        .code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .duration_us = (int64_t)(now_us() - worker->started_us),
        .cpu_us = in_us(usage->ru_utime) + in_us(usage->ru_stime),
        .max_resident_bytes = (int64_t)usage->ru_maxrss * 1024,
    };
    if (worker->job >= 0)
        (void)send(worker->job, &news, sizeof(news), MSG_DONTWAIT | MSG_NOSIGNAL);
    close_fd(&worker->job);
    close_fd(&worker->kept[0]);
    close_fd(&worker->kept[1]);
}

static struct worker *find(pid_t pid)
{
    for (size_t i = 0; i < spawner.count; i++)
        if (spawner.workers[i].pid == pid && !spawner.workers[i].ended)
            return &spawner.workers[i];
    return NULL;
}

/* A worker that has ended keeps its place until nobody of its session is left. */
static void sweep(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < spawner.count; i++)
        if (!spawner.workers[i].ended || signal_session(&spawner.workers[i], 0) > 0)
            spawner.workers[kept++] = spawner.workers[i];
    spawner.count = kept;
}

/* While its leader is still a zombie, a session's number cannot be another's. */
static void reap(void)
{
    siginfo_t seen = {0};
    while (waitid(P_ALL, 0, &seen, WEXITED | WNOHANG | WNOWAIT) == 0 && seen.si_pid > 0) {
        struct worker *worker = find(seen.si_pid);
        struct rusage usage;
        int status;
        if (worker)
            tell_to_go(worker);
        if (wait4(seen.si_pid, &status, 0, &usage) > 0 && worker) {
            worker->ended = true;
            report(worker, status, &usage);
        }
        seen.si_pid = 0;
    }
    sweep();
}

/* ------------------------------------------------------------ starting ---- */

static int take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

static void refuse(int job, int status)
{
    struct spawner_news news = {.status = status, .ended = true};
    (void)send(job, &news, sizeof(news), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* By _Fork(), since libuv's handler at fork() closes descriptors whose numbers are ours by now. */
static void start_worker(enum spawner_task task, int *fds)
{
    errno = EAGAIN;
    pid_t pid = spawner.count < MOST_WORKERS ? _Fork() : -1;
    if (pid == 0)
        worker_run(task, fds, spawner.self);
    if (pid < 0) {
        refuse(fds[SPAWNER_JOB], -errno);
    } else {
        struct worker *worker = &spawner.workers[spawner.count++];
        *worker = (struct worker){.pid = pid, .started_us = now_us()};
        worker->job = take(&fds[SPAWNER_JOB]);
        worker->kept[0] = take(&fds[SPAWNER_KEPT]);
        worker->kept[1] = take(&fds[SPAWNER_KEPT_TOO]);
        worker->alone = task != SPAWNER_EXEC;
    }
}

/* Zero: the agent is gone.  Below zero: nothing to be received. */
static ssize_t receive(enum spawner_task *ret_task, int fds[SPAWNER_FDS])
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * SPAWNER_FDS)];
    } control;
    struct iovec body = {.iov_base = ret_task, .iov_len = sizeof(*ret_task)};
    struct msghdr message = {.msg_iov = &body,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t len = recvmsg(spawner.socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    for (int i = 0; i < SPAWNER_FDS; i++)
        fds[i] = -1;
    struct cmsghdr *header = len > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    return len;
}

static void take_request(void)
{
    enum spawner_task task;
    int fds[SPAWNER_FDS];
    ssize_t len = receive(&task, fds);
    if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR))
        leave();
    /* Where descriptors are missing there were too many open: the job's socket closes, unheard. */
    if (len > 0 && fds[SPAWNER_OUTPUT] >= 0 && !spawner.leaving)
        start_worker(task, fds);
    for (int i = 0; i < SPAWNER_FDS; i++)
        close_fd(&fds[i]);
}

/* ----------------------------------------------------------- the process ---- */

static void take_signals(void)
{
    struct signalfd_siginfo info;
    while (read(spawner.signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo == SPAWNER_GOES)
            leave();
    reap();
}

/* Milliseconds until something is due, for poll(). */
static int pause_ms(void)
{
    uint64_t now = now_us(), due = spawner.leaving ? spawner.leave_at_us : UINT64_MAX;
    for (size_t i = 0; i < spawner.count; i++)
        if (spawner.workers[i].kill_at_us && spawner.workers[i].kill_at_us < due)
            due = spawner.workers[i].kill_at_us;
    if (due == UINT64_MAX)
        return -1;
    return due > now ? (int)((due - now + 999) / 1000) : 0;
}

static void turn(void)
{
    struct pollfd polls[MOST_WORKERS + 2];
    size_t count = spawner.count;
    polls[0] = (struct pollfd){.fd = spawner.leaving ? -1 : spawner.socket, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = spawner.signals, .events = POLLIN};
    for (size_t i = 0; i < count; i++)
        polls[i + 2] = (struct pollfd){.fd = spawner.workers[i].job, .events = POLLIN};
    if (poll(polls, count + 2, pause_ms()) < 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (polls[i + 2].revents) { /* the agent never says a word here: it has closed its end */
            close_fd(&spawner.workers[i].job);
            tell_to_go(&spawner.workers[i]);
        }
    for (size_t i = 0; i < count; i++)
        if (spawner.workers[i].kill_at_us && spawner.workers[i].kill_at_us <= now_us())
            kill_now(&spawner.workers[i]);
    if (polls[1].revents)
        take_signals();
    if (polls[0].revents)
        take_request();
}

static void close_inherited(void)
{
    if (spawner.socket != 3)
        spawner.socket = dup3(spawner.socket, 3, O_CLOEXEC);
    int null = open("/dev/null", O_RDWR);
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(null, STDOUT_FILENO);
    if (close_range(4, ~0U, 0) < 0)
        for (int fd = 4; fd < 4096; fd++)
            (void)close(fd);
}

static _Noreturn void run(pid_t agent)
{
    sigset_t all, ours;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL); /* what stops the agent does not stop us first */
    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, SIGCHLD);
    (void)sigaddset(&ours, SPAWNER_GOES);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)prctl(PR_SET_NAME, "runbookd-spawn");
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl(PR_SET_PDEATHSIG, SPAWNER_GOES);
    close_inherited();
    spawner.self = getpid();
    spawner.signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    if (getppid() != agent)
        leave();
    while (!spawner.leaving || (spawner.count > 0 && now_us() < spawner.leave_at_us))
        turn();
    _exit(0);
}

int spawner_fork(pid_t *ret_pid)
{
    int ends[2];
    pid_t agent = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        spawner.socket = ends[1];
        run(agent);
    }
    int status = pid < 0 ? -errno : ends[0];
    (void)close(ends[1]);
    if (pid < 0)
        (void)close(ends[0]);
    else
        *ret_pid = pid;
    return status;
}

int spawner_ask(int socket, enum spawner_task task, const int *fds, size_t count)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * SPAWNER_FDS)];
    } control = {0};
    struct iovec body = {.iov_base = &task, .iov_len = sizeof(task)};
    struct msghdr message = {.msg_iov = &body,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}
