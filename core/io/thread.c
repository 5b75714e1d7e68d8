#include "io/thread.h"

#include <signal.h>

int thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *), void *data)
{
    pthread_attr_t attr;
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, stack_bytes);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = -pthread_create(thread, &attr, run, data);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    return status;
}

static pthread_mutex_t left_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned left;

static unsigned count_left(unsigned more, unsigned fewer)
{
    (void)pthread_mutex_lock(&left_lock);
    left = left + more - fewer;
    unsigned count = left;
    (void)pthread_mutex_unlock(&left_lock);
    return count;
}

void thread_leave(pthread_t thread)
{
    (void)count_left(1, 0);
    (void)pthread_detach(thread);
}

void thread_gone(void)
{
    (void)count_left(0, 1);
}

unsigned thread_wait_for_left(unsigned ms)
{
    enum { STEP_MS = 10 };
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    unsigned count = count_left(0, 0);
    for (unsigned waited = 0; count && waited < ms; waited += STEP_MS) {
        (void)nanosleep(&step, NULL);
        count = count_left(0, 0);
    }
    return count;
}

void thread_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
}

struct timespec thread_in_ms(unsigned ms)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    long nanoseconds = at.tv_nsec + (long)(ms % 1000u) * 1000000L;
    at.tv_sec += (time_t)(ms / 1000u) + nanoseconds / 1000000000L;
    at.tv_nsec = nanoseconds % 1000000000L;
    return at;
}
