#include "io/hand.h"

#include <assert.h>
#include <pthread.h>

#include "base/mem.h"
#include "io/crash.h"
#include "io/loop.h"
#include "io/thread.h"

enum { STACK_BYTES = 256 * 1024 };

/* What the loop and the thread share.  Freed by the one that leaves last. */
struct bench {
    pthread_mutex_t lock;
    pthread_cond_t begun, ended; /* for the thread; for hand_close() */
    hand_work_fn *work;
    hand_drop_fn *drop;
    void *state;
    int status;
    bool job;           /* there is something to do, or it is being done */
    bool closing, done; /* the thread is to leave; has left */
    bool abandoned;     /* the loop has left */
    uv_async_t *report; /* NULL: nobody wants to hear of it any more */
};

struct hand {
    uv_async_t report;
    struct bench *bench;
    pthread_t thread;
    hand_done_fn *done; /* NULL: nothing is under way */
    void *data;
};

static void bench_free(struct bench *bench)
{
    (void)pthread_cond_destroy(&bench->begun);
    (void)pthread_cond_destroy(&bench->ended);
    (void)pthread_mutex_destroy(&bench->lock);
    free(bench);
}

/* ---------------------------------------------------------- the thread ---- */

static void do_job(struct bench *bench)
{
    (void)pthread_mutex_unlock(&bench->lock);
    int status = bench->work(bench->state);
    (void)pthread_mutex_lock(&bench->lock);
    bench->status = status;
    bench->job = false;
    if (bench->report)
        (void)uv_async_send(bench->report);
}

static void *run(void *data)
{
    struct bench *bench = data;
    crash_guard_thread();
    (void)pthread_mutex_lock(&bench->lock);
    while (bench->job || !bench->closing)
        if (bench->job)
            do_job(bench);
        else
            (void)pthread_cond_wait(&bench->begun, &bench->lock);
    (void)pthread_mutex_unlock(&bench->lock);
    bench->drop(bench->state);
    (void)pthread_mutex_lock(&bench->lock);
    bench->done = true;
    (void)pthread_cond_signal(&bench->ended);
    bool last = bench->abandoned;
    (void)pthread_mutex_unlock(&bench->lock);
    if (last) {
        bench_free(bench);
        thread_gone();
    }
    return NULL;
}

/* ------------------------------------------------------------ the loop ---- */

static void on_report(uv_async_t *report)
{
    struct hand *hand = report->data;
    hand_done_fn *done = hand->done;
    (void)pthread_mutex_lock(&hand->bench->lock);
    bool over = !hand->bench->job;
    int status = hand->bench->status;
    (void)pthread_mutex_unlock(&hand->bench->lock);
    if (!over || !done)
        return;
    hand->done = NULL;
    uv_unref((uv_handle_t *)&hand->report);
    done(status, hand->data);
}

static void on_closed(uv_handle_t *report)
{
    free(report->data);
}

static struct bench *bench_create(hand_work_fn *work, hand_drop_fn *drop, void *state,
                                  uv_async_t *report)
{
    struct bench *bench = mem_new(sizeof(*bench));
    *bench = (struct bench){.work = work, .drop = drop, .state = state, .report = report};
    (void)pthread_mutex_init(&bench->lock, NULL);
    thread_cond_init(&bench->begun);
    thread_cond_init(&bench->ended);
    return bench;
}

struct hand *hand_open(struct loop *loop, hand_work_fn *work, hand_drop_fn *drop, void *state)
{
    struct hand *hand = mem_new(sizeof(*hand));
    hand->report.data = hand;
    if (uv_async_init(loop_uv(loop), &hand->report, on_report) < 0) {
        free(hand);
        return NULL;
    }
    uv_unref((uv_handle_t *)&hand->report);
    hand->bench = bench_create(work, drop, state, &hand->report);
    if (thread_start(&hand->thread, STACK_BYTES, run, hand->bench) < 0) {
        bench_free(hand->bench);
        uv_close((uv_handle_t *)&hand->report, on_closed);
        return NULL;
    }
    return hand;
}

void hand_do(struct hand *hand, hand_done_fn *done, void *data)
{
    assert(!hand->done);
    hand->done = done;
    hand->data = data;
    uv_ref((uv_handle_t *)&hand->report);
    (void)pthread_mutex_lock(&hand->bench->lock);
    hand->bench->job = true;
    (void)pthread_cond_signal(&hand->bench->begun);
    (void)pthread_mutex_unlock(&hand->bench->lock);
}

bool hand_at_work(const struct hand *hand)
{
    return hand->done != NULL;
}

void hand_close(struct hand *hand, unsigned ms)
{
    if (!hand)
        return;
    struct bench *bench = hand->bench;
    struct timespec limit = thread_in_ms(ms);
    pthread_t thread = hand->thread;
    (void)pthread_mutex_lock(&bench->lock);
    bench->report = NULL;
    bench->closing = true;
    (void)pthread_cond_signal(&bench->begun);
    for (int status = 0; !bench->done && status == 0;)
        status = pthread_cond_timedwait(&bench->ended, &bench->lock, &limit);
    bool done = bench->done;
    bench->abandoned = !done;
    if (!done)
        thread_leave(thread);
    (void)pthread_mutex_unlock(&bench->lock);
    if (done) {
        (void)pthread_join(thread, NULL);
        bench_free(bench);
    }
    uv_close((uv_handle_t *)&hand->report, on_closed);
}
