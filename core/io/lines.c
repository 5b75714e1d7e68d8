#include "io/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "io/loop.h"
#include "io/thread.h"

enum { STACK_BYTES = 64 * 1024, LARGE_PIECE = 64 * 1024, GATHER_NS = 200000 };

/* What the loop and the thread share.  Freed by the one that leaves last. */
struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* for the thread, when it is idle */
    pthread_cond_t ended;   /* for lines_close() */
    struct text waiting;
    size_t bytes, max_bytes; /* not written yet, `waiting` and what the thread has taken */
    size_t lines;            /* the same in lines */
    uint64_t dropped;
    int fd;
    size_t piece;       /* what is written at once: to a pipe as much as stays together */
    int status;         /* below zero: the descriptor takes no more */
    bool idle;          /* the thread waits for `changed` */
    bool closing;       /* the thread leaves as soon as all is written */
    bool done;          /* the thread has left */
    bool abandoned;     /* the loop has left, and nobody waits for what is not written */
    uv_async_t *report; /* NULL once the loop has left */
};

struct lines {
    uv_async_t report;
    struct queue *queue;
    pthread_t thread;
    lines_broken_fn *fn;
    void *data;
};

static size_t count_newlines(const char *bytes, size_t len)
{
    size_t count = 0;
    const char *end = bytes + len, *at = bytes;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        count++;
        at++;
    }
    return count;
}

static void queue_free(struct queue *queue)
{
    if (queue->fd >= 0)
        (void)close(queue->fd);
    text_finish(&queue->waiting);
    (void)pthread_cond_destroy(&queue->changed);
    (void)pthread_cond_destroy(&queue->ended);
    (void)pthread_mutex_destroy(&queue->lock);
    free(queue);
}

/* ---------------------------------------------------------- the thread ---- */

/* As many whole lines as go out in one piece, or one that is longer. */
static size_t portion(const char *bytes, size_t len, size_t piece)
{
    if (len <= piece)
        return len;
    const char *last = memrchr(bytes, '\n', piece);
    if (!last)
        last = memchr(bytes + piece, '\n', len - piece);
    return last ? (size_t)(last - bytes) + 1 : len;
}

/* Writes all of it, however long that takes.  Zero or a negative errno value. */
static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t count = write(fd, bytes, len);
        if (count >= 0) {
            bytes += count;
            len -= (size_t)count;
        } else if (errno == EAGAIN) { /* somebody who shares it has made it so */
            struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
            (void)poll(&poll_fd, 1, -1);
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

/* Takes all that waits, writes it portion by portion, and returns with the lock held again. */
static void write_waiting(struct queue *queue)
{
    struct text taken = queue->waiting;
    text_init(&queue->waiting, queue->max_bytes);
    for (size_t at = 0; at < taken.len && !queue->abandoned && queue->status == 0;) {
        size_t len = portion(taken.bytes + at, taken.len - at, queue->piece);
        (void)pthread_mutex_unlock(&queue->lock);
        size_t lines = count_newlines(taken.bytes + at, len);
        int status = write_all(queue->fd, taken.bytes + at, len);
        (void)pthread_mutex_lock(&queue->lock);
        queue->status = status;
        if (status == 0) {
            queue->bytes -= len;
            queue->lines -= lines;
            at += len;
        }
    }
    text_finish(&taken);
}

/* The descriptor is broken: what waits is lost, and the loop hears of it. */
static void give_up(struct queue *queue)
{
    queue->dropped += queue->lines;
    queue->lines = queue->bytes = 0;
    text_finish(&queue->waiting);
    if (queue->report)
        (void)uv_async_send(queue->report);
}

/* Lets more come while there is much, since to be woken for each line costs more than the line. */
static void gather(struct queue *queue)
{
    const struct timespec pause = {.tv_nsec = GATHER_NS};
    (void)pthread_mutex_unlock(&queue->lock);
    (void)nanosleep(&pause, NULL);
    (void)pthread_mutex_lock(&queue->lock);
}

static void *run(void *data)
{
    struct queue *queue = data;
    bool busy = false; /* several lines at once, the last time */
    (void)pthread_mutex_lock(&queue->lock);
    while (queue->status == 0 && !queue->abandoned && (queue->lines || !queue->closing)) {
        if (queue->lines) {
            busy = queue->lines > 1;
            write_waiting(queue);
        } else if (busy && !queue->closing) {
            busy = false;
            gather(queue);
        } else {
            queue->idle = true;
            (void)pthread_cond_wait(&queue->changed, &queue->lock);
            queue->idle = false;
        }
    }
    if (queue->status < 0)
        give_up(queue);
    queue->done = true;
    (void)pthread_cond_signal(&queue->ended);
    bool last = queue->abandoned;
    (void)pthread_mutex_unlock(&queue->lock);
    if (last)
        queue_free(queue);
    return NULL;
}

/* ------------------------------------------------------------ the loop ---- */

static void on_report(uv_async_t *report)
{
    struct lines *lines = report->data;
    (void)pthread_mutex_lock(&lines->queue->lock);
    int status = lines->queue->status;
    (void)pthread_mutex_unlock(&lines->queue->lock);
    if (lines->fn)
        lines->fn(status, lines->data);
}

static void on_closed(uv_handle_t *report)
{
    free(report->data);
}

/* What cannot be read in pieces: nobody else's bytes come between ours. */
static bool is_file(int fd)
{
    struct stat seen;
    return fstat(fd, &seen) == 0 && (S_ISREG(seen.st_mode) || S_ISCHR(seen.st_mode));
}

static struct queue *queue_create(int fd, size_t max_bytes, uv_async_t *report)
{
    struct queue *queue = mem_new(sizeof(*queue));
    (void)pthread_mutex_init(&queue->lock, NULL);
    thread_cond_init(&queue->changed);
    thread_cond_init(&queue->ended);
    text_init(&queue->waiting, max_bytes);
    queue->max_bytes = max_bytes;
    queue->report = report;
    queue->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    queue->piece = is_file(queue->fd) ? LARGE_PIECE : PIPE_BUF;
    queue->status = queue->fd < 0 ? -errno : 0;
    return queue;
}

struct lines *lines_open(struct loop *loop, int fd, size_t max_bytes, lines_broken_fn *fn,
                         void *data)
{
    struct lines *lines = mem_new(sizeof(*lines));
    lines->fn = fn;
    lines->data = data;
    lines->report.data = lines;
    if (uv_async_init(loop_uv(loop), &lines->report, on_report) < 0) {
        free(lines);
        return NULL;
    }
    uv_unref((uv_handle_t *)&lines->report);
    lines->queue = queue_create(fd, max_bytes, &lines->report);
    if (thread_start(&lines->thread, STACK_BYTES, run, lines->queue) < 0) {
        queue_free(lines->queue);
        uv_close((uv_handle_t *)&lines->report, on_closed);
        return NULL;
    }
    return lines;
}

bool lines_write(struct lines *lines, const char *text, size_t len)
{
    struct queue *queue = lines->queue;
    (void)pthread_mutex_lock(&queue->lock);
    bool fits = queue->status == 0 && len < queue->max_bytes - queue->bytes;
    if (fits) {
        text_add_n(&queue->waiting, text, len);
        text_add_char(&queue->waiting, '\n');
        queue->bytes += len + 1;
        queue->lines += count_newlines(text, len) + 1;
        if (queue->idle)
            (void)pthread_cond_signal(&queue->changed);
    } else {
        queue->dropped++;
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return fits;
}

uint64_t lines_take_dropped(struct lines *lines)
{
    (void)pthread_mutex_lock(&lines->queue->lock);
    uint64_t dropped = lines->queue->dropped;
    lines->queue->dropped = 0;
    (void)pthread_mutex_unlock(&lines->queue->lock);
    return dropped;
}

size_t lines_waiting(struct lines *lines)
{
    (void)pthread_mutex_lock(&lines->queue->lock);
    size_t waiting = lines->queue->lines;
    (void)pthread_mutex_unlock(&lines->queue->lock);
    return waiting;
}

size_t lines_close(struct lines *lines, unsigned ms)
{
    if (!lines)
        return 0;
    struct queue *queue = lines->queue;
    struct timespec limit = thread_in_ms(ms);
    (void)pthread_mutex_lock(&queue->lock);
    queue->closing = true;
    (void)pthread_cond_signal(&queue->changed);
    for (int status = 0; !queue->done && status == 0;)
        status = pthread_cond_timedwait(&queue->ended, &queue->lock, &limit);
    bool done = queue->done;
    size_t lost = queue->lines + queue->dropped;
    queue->report = NULL;
    queue->abandoned = !done; /* then the thread frees the queue, once its reader lets it */
    pthread_t thread = lines->thread;
    (void)pthread_mutex_unlock(&queue->lock);
    if (done) {
        (void)pthread_join(thread, NULL);
        queue_free(queue);
    } else {
        (void)pthread_detach(thread);
    }
    uv_close((uv_handle_t *)&lines->report, on_closed);
    return lost;
}
