#include "io/job.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    CHUNK_BYTES = 64 * 1024,
    MOST_LEFT = 16, /* chunks that are still read once the worker is gone */
    AGAIN_MS = 5    /* where the spawner cannot be asked just now */
};

static struct {
    int spawner;
    unsigned under_way;
    struct list waiting;
} jobs = {.spawner = -ENOSYS, .waiting = {&jobs.waiting, &jobs.waiting}};

void job_use_spawner(int socket)
{
    jobs.spawner = socket;
}

/* --------------------------------------------------------- taking down ---- */

static void start_waiting(void);

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void close_flow(struct flow *flow)
{
    watch_destroy(flow->watch);
    flow->watch = NULL;
    close_fd(&flow->fd);
}

/* Closes everything, at which the worker ends; what was collected stays. */
static void take_down(struct job *job)
{
    list_remove(&job->link);
    timer_stop(&job->later);
    timer_stop(&job->limit);
    watch_destroy(job->watch);
    job->watch = NULL;
    close_fd(&job->socket);
    close_flow(&job->output);
    close_flow(&job->errors);
    for (int i = 0; i < SPAWNER_FDS; i++)
        close_fd(&job->sent[i]);
    if (job->under_way)
        jobs.under_way--;
    job->under_way = false;
    start_waiting();
}

static void free_job(struct job *job)
{
    if (job->gone)
        *job->gone = true;
    text_finish(&job->request);
    text_finish(&job->output.text);
    text_finish(&job->errors.text);
    free(job->input);
    free(job);
}

static void on_life_end(struct op *op, int status)
{
    struct job *job = container_of(op, struct job, op);
    take_down(job);
    job->on_end(job, status);
    free_job(job);
}

static void on_drop(struct op *op)
{
    struct job *job = container_of(op, struct job, op);
    take_down(job);
    free_job(job);
}

static const struct op_kind job_kind = {"child", on_life_end, on_drop};

void job_end(struct job *job, int status)
{
    op_leave(&job->op);
    on_life_end(&job->op, status);
}

/* ----------------------------------------------------------- collecting ---- */

enum flowing { FLOW_WAITS, FLOW_GOES_ON, FLOW_ENDED };

static enum flowing read_flow(struct flow *flow)
{
    char bytes[CHUNK_BYTES];
    ssize_t len = flow->fd < 0 ? 0 : read(flow->fd, bytes, sizeof(bytes));
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return FLOW_WAITS;
    if (len <= 0) {
        close_flow(flow);
        return FLOW_ENDED;
    }
    text_add_n(&flow->text, bytes, (size_t)len);
    return FLOW_GOES_ON;
}

static void on_flow(int status, unsigned events, void *data)
{
    struct flow *flow = data;
    (void)status; /* then reading says what is wrong */
    (void)events;
    if (read_flow(flow) == FLOW_GOES_ON && flow->job->on_output)
        (void)flow->job->on_output(flow->job);
}

/* False: the job is gone. */
static bool read_the_rest(struct job *job, struct flow *flow)
{
    for (int i = 0; i < MOST_LEFT && read_flow(flow) == FLOW_GOES_ON; i++)
        if (job->on_output && !job->on_output(job))
            return false;
    return true;
}

/* Nothing more can come: the worker's word counts, then the spawner's, then that both are gone. */
static void on_worker_gone(struct job *job, int status)
{
    if (read_the_rest(job, &job->output) && read_the_rest(job, &job->errors))
        job_end(job, status);
}

static void on_news(int status, unsigned events, void *data)
{
    struct job *job = data;
    struct spawner_news news;
    (void)status;
    (void)events;
    ssize_t len = recv(job->socket, &news, sizeof(news), MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len != (ssize_t)sizeof(news)) {
        on_worker_gone(job, -EPIPE);
    } else if (news.ended) {
        int failed = job->news.status;
        job->news = news;
        on_worker_gone(job, failed ? failed : news.status);
    } else {
        job->news.status = news.status;
    }
}

/* ------------------------------------------------------------- starting ---- */

/* A file in memory, to be read from its beginning; or a negative errno value. */
static int memory_file(const char *bytes, size_t len)
{
    int fd = memfd_create("runbookd", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    for (size_t at = 0; at < len;) {
        ssize_t count = write(fd, bytes + at, len - at);
        if (count < 0 && errno != EINTR) {
            int status = -errno;
            (void)close(fd);
            return status;
        }
        at += count > 0 ? (size_t)count : 0;
    }
    (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

static int open_flow(struct flow *flow, int *ret_sent)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    flow->fd = ends[0];
    *ret_sent = ends[1];
    return 0;
}

static int copy_of(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? -errno : copy;
}

/* And what else goes with a program. */
static int open_errors(struct job *job)
{
    int status = open_flow(&job->errors, &job->sent[SPAWNER_ERRORS]);
    if (status >= 0)
        job->sent[SPAWNER_KEPT] = status = copy_of(job->output.fd);
    if (status >= 0)
        job->sent[SPAWNER_KEPT_TOO] = status = copy_of(job->errors.fd);
    return status;
}

static int open_socket(struct job *job)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    job->socket = ends[0];
    job->sent[SPAWNER_JOB] = ends[1];
    return 0;
}

static int open_all(struct job *job)
{
    int status;
    job->sent[SPAWNER_REQUEST] = status = memory_file(job->request.bytes, job->request.len);
    if (status >= 0)
        status = open_socket(job);
    if (status >= 0)
        status = open_flow(&job->output, &job->sent[SPAWNER_OUTPUT]);
    if (status >= 0 && job->task == SPAWNER_EXEC)
        status = open_errors(job);
    if (status >= 0 && job->input)
        job->sent[SPAWNER_INPUT] = status = memory_file(job->input, job->input_len);
    return status < 0 ? status : 0;
}

static void watch_all(struct job *job)
{
    struct loop *loop = job->op.life->loop;
    job->watch = watch_create(loop, job->socket, WATCH_READABLE, on_news, job);
    job->output.watch = watch_create(loop, job->output.fd, WATCH_READABLE, on_flow, &job->output);
    if (job->errors.fd >= 0)
        job->errors.watch =
            watch_create(loop, job->errors.fd, WATCH_READABLE, on_flow, &job->errors);
}

static void on_again(void *data)
{
    (void)data;
    start_waiting();
}

static int ask(struct job *job)
{
    int status = jobs.spawner < 0 ? jobs.spawner : job->socket < 0 ? open_all(job) : 0;
    size_t count = SPAWNER_FDS;
    while (count > 0 && job->sent[count - 1] < 0)
        count--;
    return status < 0 ? status : spawner_ask(jobs.spawner, job->task, job->sent, count);
}

/* False: the spawner cannot take it now. */
static bool hand_over(struct job *job)
{
    int status = ask(job);
    if (status == -EAGAIN || status == -ENOBUFS || status == -ETOOMANYREFS) {
        timer_start(&job->later, job->op.life->loop, AGAIN_MS, on_again, NULL);
        return false;
    }
    list_remove(&job->link);
    if (status < 0) {
        job_fail(job, status == -ECONNRESET ? -EPIPE : status);
        return true;
    }
    for (int i = 0; i < SPAWNER_FDS; i++)
        close_fd(&job->sent[i]);
    job->under_way = job->task != SPAWNER_FOLLOW;
    jobs.under_way += job->under_way;
    watch_all(job);
    return true;
}

static void start_waiting(void)
{
    while (!list_empty(&jobs.waiting) && jobs.under_way < JOB_MOST_AT_ONCE)
        if (!hand_over(list_first(&jobs.waiting, struct job, link)))
            return;
}

/* --------------------------------------------------------------- public ---- */

void job_begin(struct job *job, struct life *life, size_t max_output)
{
    list_init(&job->link);
    for (int i = 0; i < SPAWNER_FDS; i++)
        job->sent[i] = -1;
    job->socket = -1;
    job->output = (struct flow){.job = job, .fd = -1};
    job->errors = (struct flow){.job = job, .fd = -1};
    text_init(&job->request, 0);
    text_init(&job->output.text, max_output);
    text_init(&job->errors.text, max_output);
    op_begin(&job->op, life, &job_kind);
}

static void on_failed(void *data)
{
    struct job *job = data;
    job_end(job, job->news.status);
}

void job_fail(struct job *job, int status)
{
    job->news.status = status;
    timer_start(&job->later, job->op.life->loop, 0, on_failed, job);
}

void job_start(struct job *job, struct text *request, const char *input, size_t input_len)
{
    int status = job->op.life->ended ? -ECANCELED : request->cut ? -E2BIG : 0;
    if (status < 0) {
        job_fail(job, status);
        return;
    }
    job->request = *request;
    text_init(request, 0);
    job->input = input ? mem_copy_n(input, input_len) : NULL;
    job->input_len = input_len;
    list_add(&jobs.waiting, &job->link);
    start_waiting();
}

static void on_limit(void *data)
{
    job_end(data, -ETIMEDOUT);
}

void job_limit(struct job *job, uint64_t ms)
{
    timer_start(&job->limit, job->op.life->loop, ms, on_limit, job);
}
