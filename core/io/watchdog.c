#include "io/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/blame.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "io/crash.h"
#include "io/loop.h"
#include "io/wait.h"

enum { TICKS = 20, TURNS = 10 /* of a limit: how often the thread wakes up, and the loop turns */ };

struct watchdog {
    struct loop *loop;
    uint64_t limit_ms;
    struct timer turn;
    atomic_ullong turns;
    const struct blame *volatile *running; /* on the loop's thread */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
};

/* ------------------------------------------------------------- the thread ---- */

/* Without what JSON would have to escape; what it is made of is plain. */
static void take_name(const struct blame *who, char *out, size_t room)
{
    (void)snprintf(out, room, "%s", who && *who->text ? who->text : "the agent itself");
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || *c == '"' || *c == '\\')
            *c = '?';
}

static int64_t wall_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * A line of the log as any other, written at once and by nobody else: what writes the log may be what
 * stands still, and no memory is taken.
 */
static void say(const struct watchdog *watchdog, const struct blame *who)
{
    static const char words[] =
        "the loop has not turned for %s: the agent ends; what held it up: %s";
    char limit[UNITS_DURATION_LEN], name[sizeof(who->text)], time[UNITS_TIME_LEN];
    char message[256], line[400];
    units_print_duration((int64_t)watchdog->limit_ms, limit);
    units_print_time(wall_ms(), time);
    take_name(who, name, sizeof(name));
    (void)snprintf(message, sizeof(message), words, limit, name);
    int len = isatty(STDERR_FILENO)
                  ? snprintf(line, sizeof(line), "runbookd: error: %s\n", message)
                  : snprintf(line,
                             sizeof(line),
                             "{\"schema\":1,\"time\":\"%s\",\"kind\":\"log\",\"level\":\"error\","
                             "\"message\":\"%s\"}\n",
                             time,
                             message);
    ssize_t ignored = write(STDERR_FILENO, line, len > 0 ? (size_t)len : 0);
    (void)ignored;
}

static void bite(const struct watchdog *watchdog)
{
    const struct blame *who = *watchdog->running;
    if (who)
        crash_note_hang(who);
    say(watchdog, who);
    abort();
}

/* Waits for one tick; false: it is over. */
static bool tick(struct watchdog *watchdog)
{
    struct timespec until;
    uint64_t ns = watchdog->limit_ms * 1000000u / TICKS;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    ns += (uint64_t)until.tv_nsec;
    until.tv_sec += (time_t)(ns / 1000000000u);
    until.tv_nsec = (long)(ns % 1000000000u);
    (void)pthread_mutex_lock(&watchdog->lock);
    int status = 0;
    while (!watchdog->stopping && status == 0)
        status = pthread_cond_timedwait(&watchdog->wake, &watchdog->lock, &until);
    bool goes_on = !watchdog->stopping;
    (void)pthread_mutex_unlock(&watchdog->lock);
    return goes_on;
}

static void *watch(void *data)
{
    struct watchdog *watchdog = data;
    unsigned long long seen = 0;
    unsigned ticks = 0;
    while (tick(watchdog)) {
        unsigned long long turns = atomic_load(&watchdog->turns);
        ticks = turns == seen ? ticks + 1 : 0;
        seen = turns;
        if (ticks > TICKS)
            bite(watchdog);
    }
    return NULL;
}

/* --------------------------------------------------------------- the loop ---- */

static void on_turn(void *data)
{
    struct watchdog *watchdog = data;
    atomic_fetch_add(&watchdog->turns, 1);
    timer_start(&watchdog->turn, watchdog->loop, watchdog->limit_ms / TURNS, on_turn, watchdog);
}

/* Signals are the loop's to hear. */
static int begin_thread(struct watchdog *watchdog)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&watchdog->thread, NULL, watch, watchdog);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

struct watchdog *watchdog_start(struct loop *loop, uint64_t limit_ms)
{
    struct watchdog *watchdog = mem_new(sizeof(*watchdog));
    pthread_condattr_t monotonic;
    watchdog->loop = loop;
    watchdog->limit_ms = limit_ms;
    watchdog->running = &blame_running;
    (void)pthread_mutex_init(&watchdog->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&watchdog->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    on_turn(watchdog);
    int status = begin_thread(watchdog);
    if (status == 0)
        return watchdog;
    log_warn("nobody watches whether the agent stands still: no thread: %s", strerror(status));
    timer_stop(&watchdog->turn);
    free(watchdog);
    return NULL;
}

void watchdog_stop(struct watchdog *watchdog)
{
    if (!watchdog)
        return;
    timer_stop(&watchdog->turn);
    (void)pthread_mutex_lock(&watchdog->lock);
    watchdog->stopping = true;
    (void)pthread_cond_signal(&watchdog->wake);
    (void)pthread_mutex_unlock(&watchdog->lock);
    (void)pthread_join(watchdog->thread, NULL);
    (void)pthread_cond_destroy(&watchdog->wake);
    (void)pthread_mutex_destroy(&watchdog->lock);
    free(watchdog);
}
